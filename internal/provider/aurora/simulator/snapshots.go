package simulator

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// snapshot makes the entry of a DB cluster snapshot.
func (s *Simulator) snapshot(c *dbCluster, name string, tags []types.Tag) (*types.DBClusterSnapshot, error) {
	name = strings.ToLower(name)
	if err := identifier("DBClusterSnapshotIdentifier", name, 255); err != nil { //nolint:mnd // the API's limit
		return nil, err
	}
	for _, other := range s.world.snapshots {
		if *other.DBClusterSnapshotIdentifier == name {
			return nil, refuse(schemas.DBClusterSnapshotAlreadyExistsFault,
				"Cannot create the DB cluster snapshot because one with the identifier %s already exists.", name)
		}
	}
	arn := s.arn("cluster-snapshot", name)
	snapshot := &types.DBClusterSnapshot{
		DBClusterSnapshotIdentifier: &name, DBClusterIdentifier: c.shown.DBClusterIdentifier, DBClusterSnapshotArn: &arn, Status: ptr(creating),
		Engine: c.shown.Engine, EngineVersion: c.shown.EngineVersion, SnapshotType: ptr("manual"), SnapshotCreateTime: ptr(time.Now()),
		ClusterCreateTime: c.shown.ClusterCreateTime, DbClusterResourceId: c.shown.DbClusterResourceId, StorageEncrypted: c.shown.StorageEncrypted,
		KmsKeyId: c.shown.KmsKeyId, VpcId: ptr(vpc), MasterUsername: c.shown.MasterUsername, PercentProgress: ptr(int32(0)),
		Port: c.shown.Port, AllocatedStorage: c.shown.AllocatedStorage, StorageType: c.shown.StorageType,
	}
	if value(c.shown.CopyTagsToSnapshot) {
		s.world.retag(arn, s.world.tags[*c.shown.DBClusterArn])
	}
	s.world.retag(arn, tags)
	s.world.snapshots = append(s.world.snapshots, snapshot)
	return snapshot, nil
}

func (s *Simulator) createDBClusterSnapshot(q *call, in *rds.CreateDBClusterSnapshotInput) (*rds.CreateDBClusterSnapshotOutput, error) {
	c, err := s.world.cluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if err := s.world.idle(c); err != nil {
		return nil, err
	}
	snapshot, err := s.snapshot(c, *in.DBClusterSnapshotIdentifier, in.Tags)
	if err != nil {
		return nil, err
	}
	c.due = true
	s.begin(q, c, func(j *job) error {
		if err := j.pass("backing-up", c); err != nil {
			return err
		}
		s.locked(func() {
			snapshot.Status, snapshot.PercentProgress = ptr(available), ptr(int32(100)) //nolint:mnd // per cent
			c.setStatus(available)
		})
		return nil
	})
	return &rds.CreateDBClusterSnapshotOutput{DBClusterSnapshot: snapshot}, nil
}

func (s *Simulator) describeDBClusterSnapshots(_ *call, in *rds.DescribeDBClusterSnapshotsInput) (*rds.DescribeDBClusterSnapshotsOutput, error) {
	all := []types.DBClusterSnapshot{}
	for _, snapshot := range s.world.snapshots {
		if in.DBClusterIdentifier != nil && !strings.EqualFold(*in.DBClusterIdentifier, *snapshot.DBClusterIdentifier) ||
			in.DBClusterSnapshotIdentifier != nil && !strings.EqualFold(*in.DBClusterSnapshotIdentifier, *snapshot.DBClusterSnapshotIdentifier) {
			continue
		}
		snapshot.TagList = s.world.tags[*snapshot.DBClusterSnapshotArn]
		all = append(all, *snapshot)
	}
	if in.DBClusterSnapshotIdentifier != nil && len(all) == 0 {
		return nil, refuse(schemas.DBClusterSnapshotNotFoundFault, "DBClusterSnapshot not found: %s", *in.DBClusterSnapshotIdentifier)
	}
	page, marker, err := paged(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBClusterSnapshotsOutput{DBClusterSnapshots: page, Marker: marker}, err
}

func (s *Simulator) deleteDBClusterSnapshot(_ *call, in *rds.DeleteDBClusterSnapshotInput) (*rds.DeleteDBClusterSnapshotOutput, error) {
	for _, snapshot := range s.world.snapshots {
		if !strings.EqualFold(*in.DBClusterSnapshotIdentifier, *snapshot.DBClusterSnapshotIdentifier) {
			continue
		}
		if *snapshot.Status != available {
			return nil, refuse(schemas.InvalidDBClusterSnapshotStateFault, "DB cluster snapshot %s is %s.",
				*snapshot.DBClusterSnapshotIdentifier, *snapshot.Status)
		}
		s.world.snapshots = slices.DeleteFunc(s.world.snapshots, func(other *types.DBClusterSnapshot) bool { return other == snapshot })
		delete(s.world.tags, *snapshot.DBClusterSnapshotArn)
		return &rds.DeleteDBClusterSnapshotOutput{DBClusterSnapshot: snapshot}, nil
	}
	return nil, refuse(schemas.DBClusterSnapshotNotFoundFault, "DBClusterSnapshot not found: %s", *in.DBClusterSnapshotIdentifier)
}
