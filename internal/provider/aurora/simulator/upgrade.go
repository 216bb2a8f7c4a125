package simulator

import (
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/engine"
)

// failedUpgrade is what Fault.Ends has for a major version upgrade that fails as AWS documents it.
const failedUpgrade = "upgrade"

// upgrade upgrades a DB cluster: really, where the major differs. A failed one leaves it on the old version, available, with the reasons in the
// log files (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_UpgradeDBInstance.PostgreSQL.MajorVersion.html).
func (j *job) upgrade(c *dbCluster, m modification) error {
	s := j.s
	everything := []statused{c}
	s.locked(func() {
		for _, i := range s.world.members(c) {
			everything = append(everything, i)
		}
		s.world.event(dbClusterSource, *c.shown.DBClusterIdentifier, "Database cluster engine version upgrade started.", "maintenance")
	})
	if err := j.pass(upgrading, everything...); err != nil {
		return err
	}
	var settings map[string]string
	var ran bool
	s.locked(func() {
		settings, ran = s.inForce(c), c.serving
		if m.instance != nil {
			settings = s.settings(m.cluster, m.instance)
		}
		c.serving = false
	})
	err := j.bring(c, m, settings, ran)
	failed, refused := errors.AsType[*engine.UpgradeError](err)
	if err != nil && !refused {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.serving = ran
	if refused {
		for name, content := range failed.Files {
			c.files = append(c.files, logFile{name: "error/" + name + "." + stamp(), content: content, written: time.Now()})
		}
		s.world.event(dbClusterSource, *c.shown.DBClusterIdentifier, "Database cluster is in a state that cannot be upgraded: "+failed.Reason, "maintenance")
	} else {
		c.settings = settings
		c.shown.EngineVersion = ptr(m.version.String())
		s.world.event(dbClusterSource, *c.shown.DBClusterIdentifier, "Database cluster engine version has been upgraded.", "maintenance")
	}
	for _, i := range s.world.members(c) {
		i.setStatus(available)
		if !refused {
			i.shown.EngineVersion = c.shown.EngineVersion
			i.groupStatus = inSync
			if m.instance != nil {
				i.shown.DBParameterGroups = []types.DBParameterGroupStatus{{DBParameterGroupName: ptr(m.instance.name), ParameterApplyStatus: ptr(inSync)}}
			}
		}
	}
	if !refused && m.cluster != nil {
		c.shown.DBClusterParameterGroup = ptr(m.cluster.name)
	}
	s.world.reckon(c)
	return nil
}

// bring brings the server to the version.
func (j *job) bring(c *dbCluster, m modification, settings map[string]string, ran bool) error {
	switch {
	case j.fault.Ends == failedUpgrade:
		const reason = "pg_upgrade failed, so it was asked for"
		return &engine.UpgradeError{Reason: reason, Files: map[string]string{"pg_upgrade_internal.log": reason + "\n"}}
	case c.server.Programs().Major != m.version.programs.Major:
		return c.server.Upgrade(j.ctx, m.version.programs, settings)
	case ran:
		return c.server.Restart(j.ctx, settings)
	}
	return nil
}

// stamp is what AWS appends to the names of pg_upgrade's logs.
func stamp() string { return time.Now().UTC().Format("20060102T150405.000") }
