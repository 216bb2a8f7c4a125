package simulator

import (
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/engine"
)

// sharers is how many DB clusters can share a volume: one and 15 clones of it. The next clone becomes a full copy, without a word
// (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Managing.Clone.html).
const sharers = 16

func (s *Simulator) restoreDBClusterToPointInTime(q *call, in *rds.RestoreDBClusterToPointInTimeInput) (
	*rds.RestoreDBClusterToPointInTimeOutput, error,
) {
	source, err := s.world.cluster(in.SourceDBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if err := restorable(source, in); err != nil {
		return nil, err
	}
	v, err := s.world.version(source.shown.EngineVersion)
	if err != nil {
		return nil, err
	}
	if err := s.world.knownGroups(in.VpcSecurityGroupIds); err != nil {
		return nil, err
	}
	c, err := s.newCluster(*in.DBClusterIdentifier, v, in.DBClusterParameterGroupName)
	if err != nil {
		return nil, err
	}
	inherit(c, source.shown, in)
	if value(in.RestoreType) == copyOnWrite && *source.clones < sharers {
		source.shown.CloneGroupId = or(source.shown.CloneGroupId, s.resourceID("clone-group"))
		c.shown.CloneGroupId, c.clones = source.shown.CloneGroupId, source.clones
		*c.clones++
	}
	if err := s.add(c, in.Tags); err != nil {
		return nil, err
	}
	server := engine.New(s.place(), v.programs, *c.shown.MasterUsername)
	s.world.servers = append(s.world.servers, server)
	origin := source.server
	s.begin(q, c, func(j *job) error {
		if err := j.pass(creating, c); err != nil {
			return err
		}
		if err := origin.CloneTo(j.ctx, server); err != nil {
			return err
		}
		return j.stored(c, server)
	})
	return &rds.RestoreDBClusterToPointInTimeOutput{DBCluster: &c.shown}, nil
}

const copyOnWrite = "copy-on-write"

// restorable refuses what cannot be restored.
func restorable(source *dbCluster, in *rds.RestoreDBClusterToPointInTimeInput) error {
	kind := value(or(in.RestoreType, "full-copy"))
	switch {
	case source.status() != available:
		return refuse(schemas.InvalidDBClusterStateFault, "DB cluster %s is not in the available state: it is %s.",
			*source.shown.DBClusterIdentifier, source.status())
	case in.RestoreToTime != nil && value(in.UseLatestRestorableTime):
		return refuseAs(invalidParameterCombination, "RestoreToTime and UseLatestRestorableTime cannot both be specified.")
	case in.RestoreToTime != nil:
		return refuseAs(invalidParameterCombination, "The simulator restores to the latest restorable time only.")
	case !value(in.UseLatestRestorableTime):
		return refuseAs(invalidParameterCombination, "Either RestoreToTime or UseLatestRestorableTime must be specified.")
	case kind != "full-copy" && kind != copyOnWrite:
		return refuseAs(invalidParameterValue, "Invalid restore type: %s", kind)
	}
	return nil
}

// inherit gives a clone what is its source's, and what was asked for.
func inherit(c *dbCluster, from types.DBCluster, in *rds.RestoreDBClusterToPointInTimeInput) {
	c.shown.MasterUsername, c.shown.DatabaseName = from.MasterUsername, from.DatabaseName
	c.shown.StorageEncrypted, c.shown.KmsKeyId = from.StorageEncrypted, from.KmsKeyId
	if in.KmsKeyId != nil {
		c.shown.KmsKeyId, c.shown.StorageEncrypted = in.KmsKeyId, ptr(true)
	}
	c.shown.BackupRetentionPeriod = or(in.BackupRetentionPeriod, value(from.BackupRetentionPeriod))
	c.shown.StorageType = or(in.StorageType, value(from.StorageType))
	c.shown.PreferredMaintenanceWindow = from.PreferredMaintenanceWindow
	c.shown.PreferredBackupWindow = or(in.PreferredBackupWindow, value(from.PreferredBackupWindow))
	// What follows is not the source's unless it is asked for.
	c.shown.DBSubnetGroup = or(in.DBSubnetGroupName, defaultSubnetGroup)
	c.shown.VpcSecurityGroups = memberships(in.VpcSecurityGroupIds)
	c.shown.DeletionProtection = ptr(value(in.DeletionProtection))
	c.shown.IAMDatabaseAuthenticationEnabled = ptr(value(in.EnableIAMDatabaseAuthentication))
	c.shown.EnabledCloudwatchLogsExports = in.EnableCloudwatchLogsExports
	c.shown.CopyTagsToSnapshot = ptr(value(in.CopyTagsToSnapshot))
	c.shown.NetworkType = or(in.NetworkType, "IPV4")
	c.shown.ServerlessV2ScalingConfiguration = capacity(in.ServerlessV2ScalingConfiguration)
}
