package simulator

import (
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// The quotas that an account begins with (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/CHAP_Limits.html). They are told, and nothing
// is refused for them but by a Fault.
const (
	quotaOfClusters = 40
	quotaOfGroups   = 50
)

func (s *Simulator) describeAccountAttributes(_ *call, _ *rds.DescribeAccountAttributesInput) (*rds.DescribeAccountAttributesOutput, error) {
	ofCluster := 0
	for _, g := range s.world.groups {
		if g.cluster {
			ofCluster++
		}
	}
	quota := func(name string, most, used int) types.AccountQuota {
		return types.AccountQuota{AccountQuotaName: &name, Max: ptr(int64(most)), Used: ptr(int64(used))}
	}
	return &rds.DescribeAccountAttributesOutput{AccountQuotas: []types.AccountQuota{
		quota("DBClusters", quotaOfClusters, len(s.world.clusters)), quota("DBInstances", quotaOfClusters, len(s.world.instances)),
		quota("DBClusterParameterGroups", quotaOfGroups, ofCluster), quota("DBParameterGroups", quotaOfGroups, len(s.world.groups)-ofCluster),
	}}, nil
}
