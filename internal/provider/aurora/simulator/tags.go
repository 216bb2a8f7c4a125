package simulator

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// resource refuses an ARN that leads to nothing.
func (s *Simulator) resource(arn string) error {
	const parts = 7 // arn:aws:rds:region:account:kind:name
	split := strings.SplitN(arn, ":", parts)
	if len(split) < parts || s.arn(split[5], split[6]) != arn {
		return refuseAs(invalidParameterValue, "The specified resource name does not match an RDS resource in this region.")
	}
	if _, known := s.world.tags[arn]; known {
		return nil
	}
	name := split[6]
	switch split[5] {
	case "cluster":
		return refuse(schemas.DBClusterNotFoundFault, "DBCluster %s not found.", name)
	case "db":
		return refuse(schemas.DBInstanceNotFoundFault, "DBInstance %s not found.", name)
	case "cluster-snapshot":
		return refuse(schemas.DBClusterSnapshotNotFoundFault, "DBClusterSnapshot not found: %s", name)
	default:
		return refuseAs("DBParameterGroupNotFound", "Resource not found: %s", name)
	}
}

func (s *Simulator) addTagsToResource(_ *call, in *rds.AddTagsToResourceInput) (*rds.AddTagsToResourceOutput, error) {
	if err := s.resource(*in.ResourceName); err != nil {
		return nil, err
	}
	s.world.retag(*in.ResourceName, in.Tags)
	return &rds.AddTagsToResourceOutput{}, nil
}

func (s *Simulator) removeTagsFromResource(_ *call, in *rds.RemoveTagsFromResourceInput) (*rds.RemoveTagsFromResourceOutput, error) {
	if err := s.resource(*in.ResourceName); err != nil {
		return nil, err
	}
	s.world.tags[*in.ResourceName] = slices.DeleteFunc(slices.Clone(s.world.tags[*in.ResourceName]), func(tag types.Tag) bool {
		return slices.Contains(in.TagKeys, *tag.Key)
	})
	return &rds.RemoveTagsFromResourceOutput{}, nil
}

func (s *Simulator) listTagsForResource(_ *call, in *rds.ListTagsForResourceInput) (*rds.ListTagsForResourceOutput, error) {
	if err := s.resource(*in.ResourceName); err != nil {
		return nil, err
	}
	return &rds.ListTagsForResourceOutput{TagList: s.world.tags[*in.ResourceName]}, nil
}
