package simulator

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

func (s *Simulator) addRoleToDBCluster(_ *call, in *rds.AddRoleToDBClusterInput) (*rds.AddRoleToDBClusterOutput, error) {
	c, err := s.world.cluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if err := s.world.idle(c); err != nil {
		return nil, err
	}
	if roleAt(c, *in.RoleArn, in.FeatureName) >= 0 {
		return nil, refuse(schemas.DBClusterRoleAlreadyExistsFault, "Role ARN %s is already associated with DB Cluster: %s.",
			*in.RoleArn, *c.shown.DBClusterIdentifier)
	}
	c.shown.AssociatedRoles = append(c.shown.AssociatedRoles, types.DBClusterRole{
		RoleArn: in.RoleArn, FeatureName: in.FeatureName, Status: ptr("ACTIVE"),
	})
	return &rds.AddRoleToDBClusterOutput{}, nil
}

func (s *Simulator) removeRoleFromDBCluster(_ *call, in *rds.RemoveRoleFromDBClusterInput) (*rds.RemoveRoleFromDBClusterOutput, error) {
	c, err := s.world.cluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	at := roleAt(c, *in.RoleArn, in.FeatureName)
	if at < 0 {
		return nil, refuse(schemas.DBClusterRoleNotFoundFault, "Role ARN %s cannot be found for DB Cluster: %s.", *in.RoleArn, *c.shown.DBClusterIdentifier)
	}
	c.shown.AssociatedRoles = slices.Delete(slices.Clone(c.shown.AssociatedRoles), at, at+1)
	return &rds.RemoveRoleFromDBClusterOutput{}, nil
}

func roleAt(c *dbCluster, arn string, feature *string) int {
	return slices.IndexFunc(c.shown.AssociatedRoles, func(r types.DBClusterRole) bool {
		return *r.RoleArn == arn && value(r.FeatureName) == value(feature)
	})
}
