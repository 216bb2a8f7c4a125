package aurora

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/rdsstatus"
)

// Upgrade has AWS upgrade the clone, by way of a minor version where nothing else leads to the one wanted. It is over when the clone says that it
// has that version, nothing is pending, and all of its instances are available with it. An upgrade that AWS works at already is waited for.
func (a *Aurora) Upgrade(ctx context.Context, _ *postgres.Server, step *progress.Step) error {
	if err := a.begin(ctx, step); err != nil {
		return err
	}
	deadline := time.Now().Add(a.limits.other)
	for pause := firstLook; ; pause = min(pause*3/2, lastLook) {
		green, err := a.needGreen(ctx)
		if err != nil {
			return err
		}
		// An upgrade that was cut off may be under way: the version tells only afterwards.
		if err := a.awaitCluster(ctx, step, *green.DBClusterIdentifier, 0); err != nil {
			return err
		}
		if green, err = a.needGreen(ctx); err != nil {
			return err
		}
		path, err := a.path(ctx, aws.ToString(green.EngineVersion))
		if err != nil {
			return err
		}
		if len(path) == 0 {
			if err := a.settle(ctx, green, step); err != nil {
				return err
			}
			return a.deleteCloneGroups(ctx)
		}
		err = a.hop(ctx, green, path[0], step)
		if is(err, "InvalidDBClusterStateFault") && time.Now().Before(deadline) { // it does something else first, or what an unanswered try asked for
			step.Now(fmt.Sprintf("waiting until DB cluster %q can be upgraded", *green.DBClusterIdentifier))
			err = pauseFor(ctx, pause)
		}
		if err != nil {
			return err
		}
	}
}

// hop upgrades the clone to one version.
func (a *Aurora) hop(ctx context.Context, green *types.DBCluster, version string, step *progress.Step) error {
	id, from := *green.DBClusterIdentifier, aws.ToString(green.EngineVersion)
	step.Say(fmt.Sprintf("upgrading DB cluster %q from Aurora PostgreSQL %s to %s", id, from, version))
	asked := time.Now()
	if _, err := a.rds.ModifyDBCluster(ctx, a.upgradeInput(id, from, version)); err != nil {
		if is(err, "InvalidParameterCombination") && strings.Contains(err.Error(), "instance class") {
			return fault.WithHint(failed("upgrade DB cluster", id, err), "Name a class that the new version has in aurora.instance_class.")
		}
		return failed("upgrade DB cluster", id, err)
	}
	object, begun := fmt.Sprintf("DB cluster %q", id), false
	err := a.wait(ctx, step, object, "upgraded to "+version, a.limits.upgrade, func(ctx context.Context) (look, error) {
		c, err := a.cluster(ctx, id)
		if err != nil {
			return look{}, err
		}
		if c == nil {
			return look{}, gone(object)
		}
		now := lookAt(aws.ToString(c.Status), rdsstatus.OfCluster)
		begun = begun || now.state == rdsstatus.Passing
		now.done = now.done && aws.ToString(c.EngineVersion) == version && nothingPending(c)
		// A failed upgrade leaves the cluster available on the old version. So does one that has not begun yet.
		if now.state == rdsstatus.Good && aws.ToString(c.EngineVersion) == from && nothingPending(c) && (begun || time.Since(asked) > a.limits.settle) {
			return now, errNotUpgraded
		}
		return now, nil
	})
	if err == nil && majorOf(version) != majorOf(from) {
		step.Say(fmt.Sprintf("AWS keeps a snapshot of the clone as it was, preupgrade-%s-...; it is not pgteal's, so delete it when you like", id))
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	return a.whyNotUpgraded(ctx, id, version, asked, err)
}

var errNotUpgraded = errors.New("AWS did not do it, and left the old version")

// upgradeInput asks for an upgrade. A new major version comes with parameter groups of its family.
func (a *Aurora) upgradeInput(id, from, to string) *rds.ModifyDBClusterInput {
	input := &rds.ModifyDBClusterInput{DBClusterIdentifier: &id, EngineVersion: &to, ApplyImmediately: aws.Bool(true)}
	if majorOf(to) != majorOf(from) {
		input.AllowMajorVersionUpgrade = aws.Bool(true)
		input.DBClusterParameterGroupName = aws.String(a.greenGroup(false).name)
		input.DBInstanceParameterGroupName = aws.String(a.greenGroup(true).name)
	}
	return input
}

func nothingPending(c *types.DBCluster) bool {
	return c.PendingModifiedValues == nil || aws.ToString(c.PendingModifiedValues.EngineVersion) == ""
}

// whyNotUpgraded adds the reasons that pg_upgrade left in the log files of the clone.
func (a *Aurora) whyNotUpgraded(ctx context.Context, id, version string, asked time.Time, cause error) error {
	err := fmt.Errorf("upgrade DB cluster %q to Aurora PostgreSQL %s: %w", id, version, cause)
	hint := fault.HintOf(cause)
	if hint == "" {
		hint = "The clone is as it was, and blue is untouched. Mend the reason on blue; then pgteal abort, and prepare again."
	}
	if reasons := a.upgradeLog(ctx, id, asked); reasons != "" {
		err = fmt.Errorf("%w:\n%s", err, reasons)
	}
	return fault.WithHint(err, hint)
}

// settle waits until every instance of green is available with the version and parameters that green has. One whose parameters wait for a reboot is
// rebooted: it is pgteal's, and nobody uses it before the switchover.
func (a *Aurora) settle(ctx context.Context, green *types.DBCluster, step *progress.Step) error {
	id, version := *green.DBClusterIdentifier, aws.ToString(green.EngineVersion)
	object, rebooted := fmt.Sprintf("DB cluster %q", id), map[string]time.Time{}
	const until = "available with all of its instances, their parameters in force"
	return a.wait(ctx, step, object, until, a.limits.upgrade, func(ctx context.Context) (look, error) {
		c, err := a.cluster(ctx, id)
		if err != nil {
			return look{}, err
		}
		if c == nil {
			return look{}, gone(object)
		}
		instances, err := a.instances(ctx, c)
		if err != nil {
			return look{}, err
		}
		now := lookAt(aws.ToString(c.Status), rdsstatus.OfCluster)
		now.done = now.done && len(instances) > 0
		for i := range instances {
			if err := a.settleInstance(ctx, c, &instances[i], version, rebooted, &now, step); err != nil {
				return now, err
			}
		}
		return now, nil
	})
}

// settleInstance looks whether an instance is settled, and reboots it where that is what it waits for.
func (a *Aurora) settleInstance(
	ctx context.Context, c *types.DBCluster, i *types.DBInstance, version string, rebooted map[string]time.Time, now *look, step *progress.Step,
) error {
	id := *i.DBInstanceIdentifier
	own := lookAt(aws.ToString(i.DBInstanceStatus), rdsstatus.OfInstance)
	if own.state != rdsstatus.Good {
		if own.state == rdsstatus.Bad || now.state == rdsstatus.Good {
			*now = look{status: fmt.Sprintf("%s of instance %q", own.status, id), state: own.state}
		}
		now.done = false
		return nil
	}
	if aws.ToString(i.EngineVersion) != version {
		now.done = false
		return nil
	}
	applied := parametersOf(c, i)
	if applied == "in-sync" {
		return nil
	}
	now.done, now.status = false, fmt.Sprintf("parameters of instance %q %s", id, applied)
	// A reboot that was asked for takes a moment to show.
	if applied != "pending-reboot" || time.Since(rebooted[id]) < a.limits.settle || !a.ours(i.TagList) {
		return nil
	}
	rebooted[id] = time.Now()
	step.Say(fmt.Sprintf("rebooting DB instance %q: parameters wait for it", id))
	_, err := a.rds.RebootDBInstance(ctx, &rds.RebootDBInstanceInput{DBInstanceIdentifier: &id})
	if err != nil && !is(err, "InvalidDBInstanceState") { // it does something else first
		return failed("reboot DB instance", id, err)
	}
	if err != nil {
		delete(rebooted, id)
	}
	return nil
}

// parametersOf tells whether both parameter groups are in force on an instance: "in-sync", or the first other word that AWS has.
func parametersOf(c *types.DBCluster, i *types.DBInstance) string {
	const inSync = "in-sync"
	if m := member(c, *i.DBInstanceIdentifier); m != nil {
		if s := aws.ToString(m.DBClusterParameterGroupStatus); s != inSync && s != "" {
			return s
		}
	}
	for _, g := range i.DBParameterGroups {
		if s := aws.ToString(g.ParameterApplyStatus); s != inSync && s != "" {
			return s
		}
	}
	return inSync
}
