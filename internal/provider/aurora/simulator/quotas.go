package simulator

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// usualQuotas are those of a new account (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/CHAP_Limits.html).
func usualQuotas() map[string]int64 {
	return map[string]int64{"DBClusters": 40, "DBInstances": 40, "DBClusterParameterGroups": 50, "DBParameterGroups": 50, "ManualClusterSnapshots": 100}
}

// Quota sets what the account may have of something, such as DBClusters. It is shown, and not enforced.
func (s *Simulator) Quota(name string, most int64) {
	s.locked(func() { s.world.quotas[name] = most })
}

func (s *Simulator) describeAccountAttributes(*call, *rds.DescribeAccountAttributesInput) (*rds.DescribeAccountAttributesOutput, error) {
	used := map[string]int64{
		"DBClusters": int64(len(s.world.clusters)), "DBInstances": int64(len(s.world.instances)), "ManualClusterSnapshots": int64(len(s.world.snapshots)),
	}
	for _, g := range s.world.groups {
		if g.cluster {
			used["DBClusterParameterGroups"]++
		} else {
			used["DBParameterGroups"]++
		}
	}
	out := &rds.DescribeAccountAttributesOutput{}
	for _, name := range slices.Sorted(maps.Keys(s.world.quotas)) {
		out.AccountQuotas = append(out.AccountQuotas, types.AccountQuota{
			AccountQuotaName: ptr(name), Max: ptr(s.world.quotas[name]), Used: ptr(used[name]),
		})
	}
	return out, nil
}
