package aurora

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	r53 "github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// differ tries where moto 5.1.1 does otherwise than AWS, so that it shows when the tests around need not go by that any more.
func (s *stand) differ(t *testing.T) {
	t.Helper()
	for does, tried := range map[string]func(*testing.T) bool{
		// They have tags in AWS (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBClusterParameterGroup.html).
		"DB cluster parameter groups have no tags": s.groupsBearNothing,
		// It is unique in AWS (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html).
		"DB instances share one DbiResourceId": s.instancesAreOne,
		// An identifier begins with a letter in AWS (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBCluster.html).
		"it renames a DB cluster to what is no identifier": s.takesAnyName,
		// AWS lists the instances with their roles, too (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBProxyTarget.html).
		"a target group has no members": s.proxyHasNoMembers,
		// AWS says InvalidChangeBatch (https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html).
		"deleting a record that is not there is InvalidInput": s.deletesNothing,
	} {
		if !tried(t) {
			t.Errorf("no longer so in moto: %s", does)
		}
	}
}

func (s *stand) groupsBearNothing(t *testing.T) bool {
	t.Helper()
	_, err := s.ownGroup(t.Context(), group{name: "orders"})
	return is(err, broken)
}

func (s *stand) instancesAreOne(t *testing.T) bool {
	t.Helper()
	answer, err := s.rds.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{})
	return err == nil && len(answer.DBInstances) > 1 && *answer.DBInstances[0].DbiResourceId == *answer.DBInstances[1].DbiResourceId
}

func (s *stand) takesAnyName(t *testing.T) bool {
	t.Helper()
	_, err := s.rds.ModifyDBCluster(t.Context(), &rds.ModifyDBClusterInput{
		DBClusterIdentifier: aws.String("bare"), NewDBClusterIdentifier: aws.String("-"), ApplyImmediately: aws.Bool(false),
	})
	return err == nil
}

func (s *stand) proxyHasNoMembers(t *testing.T) bool {
	t.Helper()
	answer, err := s.rds.DescribeDBProxyTargets(t.Context(), &rds.DescribeDBProxyTargetsInput{DBProxyName: aws.String("pool")})
	if err != nil {
		return false
	}
	for _, target := range answer.Targets {
		if target.Type != types.TargetTypeTrackedCluster {
			return false
		}
	}
	return true
}

func (s *stand) deletesNothing(t *testing.T) bool {
	t.Helper()
	_, err := r53.NewFromConfig(s.aws).ChangeResourceRecordSets(t.Context(), &r53.ChangeResourceRecordSetsInput{
		HostedZoneId: &s.zone,
		ChangeBatch: &r53types.ChangeBatch{Changes: []r53types.Change{{
			Action: r53types.ChangeActionDelete,
			ResourceRecordSet: &r53types.ResourceRecordSet{
				Name: aws.String("nowhere.example.com"), Type: r53types.RRTypeCname, TTL: aws.Int64(5),
				ResourceRecords: []r53types.ResourceRecord{{Value: aws.String("example.com")}},
			},
		}}},
	})
	return is(err, "InvalidInput")
}
