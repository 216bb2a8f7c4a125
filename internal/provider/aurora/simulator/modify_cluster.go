package simulator

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// modification is what a ModifyDBCluster will do in the background.
type modification struct {
	name     string // the new one; "" where it stays
	password string
	version  *engineVersion  // nil where it stays
	cluster  *parameterGroup // with a version that is another major's, or because it was asked for; else nil
	instance *parameterGroup // with another major only
}

func (s *Simulator) modifyDBCluster(q *call, in *rds.ModifyDBClusterInput) (*rds.ModifyDBClusterOutput, error) {
	c, err := s.world.cluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if err := s.world.idle(c); err != nil {
		return nil, err
	}
	m, err := s.plan(c, in)
	if err != nil {
		return nil, err
	}
	setAtOnce(c, in)
	for _, i := range s.world.members(c) {
		i.shown.VpcSecurityGroups = c.shown.VpcSecurityGroups
	}
	pending := &types.ClusterPendingModifiedValues{}
	waits := false
	if m.version != nil {
		pending.EngineVersion, waits = ptr(m.version.String()), true
	}
	if m.name != "" {
		pending.DBClusterIdentifier, waits = &m.name, true
	}
	if m.password != "" {
		pending.MasterUserPassword, waits = ptr("****"), true
	}
	if waits {
		c.shown.PendingModifiedValues = pending
	}
	if waits && !value(in.ApplyImmediately) {
		return &rds.ModifyDBClusterOutput{DBCluster: &c.shown}, nil // for a maintenance window, which never comes
	}
	if m.cluster != nil && m.version == nil {
		s.regroup(c, m.cluster)
	}
	c.due = true
	s.begin(q, c, func(j *job) error { return j.modify(c, m) })
	return &rds.ModifyDBClusterOutput{DBCluster: &c.shown}, nil
}

// plan says what a modification will do, or why AWS refuses it.
func (s *Simulator) plan(c *dbCluster, in *rds.ModifyDBClusterInput) (m modification, err error) {
	v, err := s.world.version(c.shown.EngineVersion)
	if err != nil {
		return m, err
	}
	if err := s.world.knownGroups(in.VpcSecurityGroupIds); err != nil {
		return m, err
	}
	m.password = value(in.MasterUserPassword)
	if name := strings.ToLower(value(in.NewDBClusterIdentifier)); name != "" && name != *c.shown.DBClusterIdentifier {
		if err := identifier("NewDBClusterIdentifier", name, longestIdentifier); err != nil {
			return m, err
		}
		if _, err := s.world.cluster(&name); err == nil {
			return m, refuse(schemas.DBClusterAlreadyExistsFault, "DB Cluster already exists")
		}
		m.name = name
	}
	if in.EngineVersion != nil && *in.EngineVersion != v.String() {
		if err := s.planUpgrade(c, v, in, &m); err != nil {
			return m, err
		}
	} else if in.DBInstanceParameterGroupName != nil {
		return m, refuseAs(invalidParameterCombination, "DBInstanceParameterGroupName can only be specified for a major version upgrade.")
	}
	if in.DBClusterParameterGroupName != nil && m.cluster == nil {
		if m.cluster, err = s.world.groupFor(true, in.DBClusterParameterGroupName, v); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (s *Simulator) planUpgrade(c *dbCluster, from engineVersion, in *rds.ModifyDBClusterInput, m *modification) error {
	to, err := s.world.version(in.EngineVersion)
	if err != nil || !slices.Contains(s.world.targets(from), to) {
		return refuseAs(invalidParameterCombination, "Cannot upgrade %s from %s to %s", aurora, from, *in.EngineVersion)
	}
	m.version = &to
	if m.name != "" {
		return refuseAs(invalidParameterCombination, "You can't rename a DB cluster and upgrade its engine version at the same time.")
	}
	if err := s.world.allAvailable(c); err != nil {
		return err
	}
	if to.programs.Major == from.programs.Major {
		return nil
	}
	if !value(in.AllowMajorVersionUpgrade) {
		return refuseAs(invalidParameterCombination, "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.")
	}
	if len(s.world.members(c)) == 0 {
		return refuse(schemas.InvalidDBClusterStateFault, "DB cluster %s has no DB instance: it can't be upgraded.", *c.shown.DBClusterIdentifier)
	}
	if in.DBClusterParameterGroupName == nil && !strings.HasPrefix(*c.shown.DBClusterParameterGroup, "default.") {
		return refuseAs(invalidParameterCombination, "The current DB cluster parameter group %s is custom. You must explicitly specify a new "+
			"DB cluster parameter group, either default or custom, for the engine version upgrade.", *c.shown.DBClusterParameterGroup)
	}
	for _, i := range s.world.members(c) {
		name := *i.shown.DBParameterGroups[0].DBParameterGroupName
		if in.DBInstanceParameterGroupName == nil && !strings.HasPrefix(name, "default.") {
			return refuseAs(invalidParameterCombination, "The current DB instance parameter group %s is custom. You must explicitly specify a new "+
				"DB instance parameter group, either default or custom, for the engine version upgrade.", name)
		}
	}
	if m.cluster, err = s.world.groupFor(true, in.DBClusterParameterGroupName, to); err != nil {
		return err
	}
	m.instance, err = s.world.groupFor(false, in.DBInstanceParameterGroupName, to)
	return err
}

// setAtOnce sets what needs no more than to be set.
func setAtOnce(c *dbCluster, in *rds.ModifyDBClusterInput) {
	set(&c.shown.DeletionProtection, in.DeletionProtection)
	set(&c.shown.BackupRetentionPeriod, in.BackupRetentionPeriod)
	set(&c.shown.CopyTagsToSnapshot, in.CopyTagsToSnapshot)
	set(&c.shown.IAMDatabaseAuthenticationEnabled, in.EnableIAMDatabaseAuthentication)
	set(&c.shown.PreferredBackupWindow, in.PreferredBackupWindow)
	set(&c.shown.PreferredMaintenanceWindow, in.PreferredMaintenanceWindow)
	set(&c.shown.StorageType, in.StorageType)
	set(&c.shown.AutoMinorVersionUpgrade, in.AutoMinorVersionUpgrade)
	if in.VpcSecurityGroupIds != nil {
		c.shown.VpcSecurityGroups = memberships(in.VpcSecurityGroupIds)
	}
	if in.ServerlessV2ScalingConfiguration != nil {
		c.shown.ServerlessV2ScalingConfiguration = capacity(in.ServerlessV2ScalingConfiguration)
	}
	if logs := in.CloudwatchLogsExportConfiguration; logs != nil {
		exported := slices.Concat(c.shown.EnabledCloudwatchLogsExports, logs.EnableLogTypes)
		slices.Sort(exported)
		c.shown.EnabledCloudwatchLogsExports = slices.DeleteFunc(slices.Compact(exported), func(name string) bool {
			return slices.Contains(logs.DisableLogTypes, name)
		})
	}
}

func set[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

// regroup gives a DB cluster another parameter group. Its members take it at their next reboot.
func (s *Simulator) regroup(c *dbCluster, g *parameterGroup) {
	if c.shown.DBClusterParameterGroup = ptr(g.name); len(s.world.members(c)) > 0 {
		for _, i := range s.world.members(c) {
			i.groupStatus = pendingReboot
		}
		s.world.reckon(c)
	}
}

// modify does what goes on in the background. As on AWS, the status says available a while longer.
func (j *job) modify(c *dbCluster, m modification) error {
	if err := j.wait(); err != nil {
		return err
	}
	var err error
	switch {
	case m.version != nil:
		err = j.upgrade(c, m)
	case m.name != "":
		err = j.rename(c, m.name)
	case m.password != "":
		if err = j.pass("resetting-master-credentials", c); err == nil && c.server != nil {
			err = c.server.SetPassword(j.ctx, m.password)
		}
	default:
		err = j.pass(modifying, c)
	}
	if err != nil {
		return err
	}
	j.s.locked(func() {
		c.shown.PendingModifiedValues = nil
		c.setStatus(available)
	})
	return nil
}
