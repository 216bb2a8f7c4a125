package simulator

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
)

// idleInstance refuses what cannot be done to a DB instance now.
func idleInstance(i *dbInstance) error {
	if i.busy || i.status() != available {
		return refuse(schemas.InvalidDBInstanceStateFault, "Database instance %s is not in available state: it is %s.",
			*i.shown.DBInstanceIdentifier, i.status())
	}
	return nil
}

func (s *Simulator) modifyDBInstance(q *call, in *rds.ModifyDBInstanceInput) (*rds.ModifyDBInstanceOutput, error) {
	i, err := s.world.instance(in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	if err := idleInstance(i); err != nil {
		return nil, err
	}
	if in.EngineVersion != nil || in.MasterUserPassword != nil || in.BackupRetentionPeriod != nil || in.VpcSecurityGroupIds != nil {
		return nil, refuseAs(invalidParameterCombination, "The specified DB Instance is a member of a cluster. Modify these values for the DB cluster.")
	}
	name := strings.ToLower(value(in.NewDBInstanceIdentifier))
	if name == *i.shown.DBInstanceIdentifier {
		name = ""
	}
	if name != "" {
		if err := identifier("NewDBInstanceIdentifier", name, longestIdentifier); err != nil {
			return nil, err
		}
		if _, err := s.world.instance(&name); err == nil {
			return nil, refuse(schemas.DBInstanceAlreadyExistsFault, "DB instance already exists")
		}
	}
	if in.DBParameterGroupName != nil {
		v, err := s.world.version(i.shown.EngineVersion)
		if err != nil {
			return nil, err
		}
		g, err := s.world.groupFor(false, in.DBParameterGroupName, v)
		if err != nil {
			return nil, err
		}
		status := &i.shown.DBParameterGroups[0]
		status.DBParameterGroupName, status.ParameterApplyStatus = ptr(g.name), ptr(pendingReboot)
	}
	set(&i.shown.PromotionTier, in.PromotionTier)
	set(&i.shown.PubliclyAccessible, in.PubliclyAccessible)
	set(&i.shown.PreferredMaintenanceWindow, in.PreferredMaintenanceWindow)
	set(&i.shown.CopyTagsToSnapshot, in.CopyTagsToSnapshot)
	set(&i.shown.MonitoringInterval, in.MonitoringInterval)
	set(&i.shown.MonitoringRoleArn, in.MonitoringRoleArn)
	set(&i.shown.PerformanceInsightsEnabled, in.EnablePerformanceInsights)
	set(&i.shown.AutoMinorVersionUpgrade, in.AutoMinorVersionUpgrade)
	s.world.reckon(i.cluster)
	pending := i.shown.PendingModifiedValues
	set(&pending.DBInstanceClass, in.DBInstanceClass)
	if name != "" {
		pending.DBInstanceIdentifier = &name
	}
	restarts := in.DBInstanceClass != nil || name != ""
	if restarts && !value(in.ApplyImmediately) {
		return &rds.ModifyDBInstanceOutput{DBInstance: &i.shown}, nil // for a maintenance window, which never comes
	}
	i.busy = true
	s.begin(q, i.cluster, func(j *job) error {
		defer s.locked(func() { i.busy = false })
		return j.modifyInstance(i, name, in.DBInstanceClass)
	})
	return &rds.ModifyDBInstanceOutput{DBInstance: &i.shown}, nil
}

// modifyInstance does what goes on in the background. Another class and another identifier restart the instance
// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html, NewDBInstanceIdentifier).
func (j *job) modifyInstance(i *dbInstance, name string, class *string) error {
	status := modifying
	if name != "" {
		status = renaming
	}
	if err := j.wait(); err != nil {
		return err
	}
	if err := j.pass(status, i); err != nil {
		return err
	}
	if name != "" {
		if err := j.renameInstance(i, name); err != nil {
			return err
		}
	}
	if class != nil || name != "" {
		if err := j.reboot(i); err != nil {
			return err
		}
	}
	j.s.locked(func() {
		set(&i.shown.DBInstanceClass, class)
		i.shown.PendingModifiedValues.DBInstanceClass, i.shown.PendingModifiedValues.DBInstanceIdentifier = nil, nil
		i.setStatus(available)
	})
	return nil
}

func (s *Simulator) rebootDBInstance(q *call, in *rds.RebootDBInstanceInput) (*rds.RebootDBInstanceOutput, error) {
	i, err := s.world.instance(in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	if err := idleInstance(i); err != nil {
		return nil, err
	}
	if value(in.ForceFailover) {
		return nil, refuseAs(invalidParameterCombination, "Cannot reboot with failover the DB instance of a cluster. Use FailoverDBCluster.")
	}
	i.setStatus(rebooting)
	s.begin(q, i.cluster, func(j *job) error {
		if err := j.pass(rebooting, i); err != nil {
			return err
		}
		if err := j.reboot(i); err != nil {
			return err
		}
		j.s.locked(func() { i.setStatus(available) })
		return nil
	})
	return &rds.RebootDBInstanceOutput{DBInstance: &i.shown}, nil
}

// reboot restarts a DB instance, by which its parameters come into force. Only the writer has a server behind it.
func (j *job) reboot(i *dbInstance) error {
	c := i.cluster
	var settings map[string]string
	var restart bool
	j.s.locked(func() {
		settings = j.s.inForce(c)
		restart = j.s.world.writer(c) == i && (c.serving || c.elsewhere != "")
	})
	if restart {
		if err := j.restart(c, settings); err != nil {
			return err
		}
	}
	j.s.locked(func() {
		if restart {
			c.settings = settings
		}
		i.groupStatus = inSync
		i.shown.DBParameterGroups[0].ParameterApplyStatus = ptr(inSync)
		j.s.world.reckon(c)
		j.s.world.event("db-instance", *i.shown.DBInstanceIdentifier, "DB instance restarted", "availability")
	})
	return nil
}

func (s *Simulator) deleteDBInstance(q *call, in *rds.DeleteDBInstanceInput) (*rds.DeleteDBInstanceOutput, error) {
	i, err := s.world.instance(in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	if i.status() == deleting || i.cluster.moving() {
		return nil, refuse(schemas.InvalidDBInstanceStateFault, "Instance %s is already being deleted, or its DB cluster is busy.",
			*i.shown.DBInstanceIdentifier)
	}
	if in.FinalDBSnapshotIdentifier != nil {
		return nil, refuseAs(invalidParameterCombination, "FinalDBSnapshotIdentifier can not be specified when deleting a cluster instance")
	}
	i.setStatus(deleting)
	s.begin(q, i.cluster, func(j *job) error {
		if err := j.pass(deleting, i); err != nil {
			return err
		}
		return j.removeInstance(i)
	})
	return &rds.DeleteDBInstanceOutput{DBInstance: &i.shown}, nil
}

// removeInstance takes a DB instance away. With the writer the role goes to another one, with the last one the server stops.
func (j *job) removeInstance(i *dbInstance) error {
	c := i.cluster
	var last, wrote bool
	j.s.locked(func() {
		w := &j.s.world
		wrote = w.writer(c) == i
		w.instances = slices.DeleteFunc(w.instances, func(other *dbInstance) bool { return other == i })
		delete(w.tags, *i.shown.DBInstanceArn)
		j.s.release(*i.shown.Endpoint.Address)
		w.reckon(c)
		last = len(w.members(c)) == 0
		if last {
			c.serving = false
		}
	})
	switch {
	case last:
		return c.server.Stop(j.ctx)
	case wrote:
		var heir *dbInstance
		j.s.locked(func() { heir = j.s.world.writer(c) })
		return j.reboot(heir)
	}
	return nil
}
