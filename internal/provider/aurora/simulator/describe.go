package simulator

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

func (s *Simulator) describeDBClusters(_ *call, in *rds.DescribeDBClustersInput) (*rds.DescribeDBClustersOutput, error) {
	clusters := s.world.clusters
	if in.DBClusterIdentifier != nil {
		name := strings.TrimPrefix(*in.DBClusterIdentifier, s.arn("cluster", ""))
		c, err := s.world.cluster(&name)
		if err != nil {
			return nil, err
		}
		clusters = []*dbCluster{c}
	}
	all := []types.DBCluster{}
	for _, c := range clusters {
		kept, err := filtered(in.Filters, map[string]string{
			"db-cluster-id": *c.shown.DBClusterIdentifier, "db-cluster-resource-id": *c.shown.DbClusterResourceId,
			"engine": *c.shown.Engine, "clone-group-id": value(c.shown.CloneGroupId),
		}, *c.shown.DBClusterArn)
		if err != nil {
			return nil, err
		}
		if kept {
			c.shown.LatestRestorableTime = ptr(time.Now())
			c.shown.TagList = s.world.tags[*c.shown.DBClusterArn]
			all = append(all, c.shown)
		}
	}
	page, marker, err := paged(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBClustersOutput{DBClusters: page, Marker: marker}, err
}

func (s *Simulator) describeDBInstances(_ *call, in *rds.DescribeDBInstancesInput) (*rds.DescribeDBInstancesOutput, error) {
	instances := s.world.instances
	if in.DBInstanceIdentifier != nil {
		name := strings.TrimPrefix(*in.DBInstanceIdentifier, s.arn("db", ""))
		i, err := s.world.instance(&name)
		if err != nil {
			return nil, err
		}
		instances = []*dbInstance{i}
	}
	all := []types.DBInstance{}
	for _, i := range instances {
		kept, err := filtered(in.Filters, map[string]string{
			"db-cluster-id": *i.shown.DBClusterIdentifier, "db-instance-id": *i.shown.DBInstanceIdentifier,
			"dbi-resource-id": *i.shown.DbiResourceId, "engine": *i.shown.Engine,
		}, *i.cluster.shown.DBClusterArn, *i.shown.DBInstanceArn)
		if err != nil {
			return nil, err
		}
		if kept {
			i.shown.TagList = s.world.tags[*i.shown.DBInstanceArn]
			all = append(all, i.shown)
		}
	}
	page, marker, err := paged(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBInstancesOutput{DBInstances: page, Marker: marker}, err
}

// filtered tells whether filters keep what has these values, under their names, or one of these ARNs in place of a name.
func filtered(filters []types.Filter, values map[string]string, arns ...string) (bool, error) {
	for _, f := range filters {
		has, known := values[value(f.Name)]
		if !known {
			return false, refuseAs(invalidParameterValue, "Unrecognized filter name: %s", value(f.Name))
		}
		if !slices.ContainsFunc(f.Values, func(wanted string) bool { return strings.EqualFold(wanted, has) || slices.Contains(arns, wanted) }) {
			return false, nil
		}
	}
	return true, nil
}
