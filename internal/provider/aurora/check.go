package aurora

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/rdsstatus"
)

// Check finds what AWS would refuse, or do otherwise than pgteal needs. It only describes.
func (a *Aurora) Check(ctx context.Context, server *postgres.Server) ([]finding.Finding, error) {
	if err := a.begin(ctx, nil); err != nil {
		return nil, err
	}
	blue, err := a.needBlue(ctx)
	if err != nil {
		return nil, err
	}
	var found []finding.Finding
	for _, check := range []func(context.Context, *types.DBCluster, *postgres.Server) ([]finding.Finding, error){
		a.checkCluster, a.checkVersion, a.checkFunction, a.checkParameters, a.checkNames, a.checkQuotas, a.checkNetwork, a.checkRoutes,
	} {
		more, err := check(ctx, blue, server)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// Rehearse says that it cannot: pg_upgrade --check wants the files of a cluster, and AWS does not run it apart from an upgrade.
func (a *Aurora) Rehearse(context.Context, *postgres.Server, bool, *progress.Step) ([]finding.Finding, error) {
	return []finding.Finding{{
		Check: "pg-upgrade", Blocks: finding.Nothing, Object: a.blueName(),
		Reason: "pg_upgrade --check was not tried: it cannot be had on Aurora apart from an upgrade. Should the clone's fail, blue is untouched.",
		Fix:    "Nothing: pgteal's own checks ask for what pg_upgrade refuses.",
	}}, nil
}

func (a *Aurora) blueName() string { return fmt.Sprintf("DB cluster %q", a.config.Aurora.Cluster) }

// blocks is a finding about blue that keeps the upgrade from beginning.
func (a *Aurora) blocks(check, reason, fix string) finding.Finding {
	return finding.Finding{Check: check, Blocks: finding.Upgrade, Object: a.blueName(), Reason: reason, Fix: fix}
}

// checkCluster sees that blue is a cluster that can be cloned, and is well.
func (a *Aurora) checkCluster(ctx context.Context, blue *types.DBCluster, _ *postgres.Server) (found []finding.Finding, err error) {
	const check = "aurora-cluster"
	if e := aws.ToString(blue.Engine); e != engine {
		return []finding.Finding{a.blocks(check, fmt.Sprintf("Its engine is %s, not %s.", e, engine), "Name another cluster in aurora.cluster.")}, nil
	}
	if m := aws.ToString(blue.EngineMode); m != "" && m != "provisioned" {
		found = append(found, a.blocks(check, fmt.Sprintf("Its engine mode is %s. Serverless v1 has no logical replication.", m),
			"Turn it into a provisioned cluster (aws rds modify-db-cluster --engine-mode provisioned), with Serverless v2 instances if wanted."))
	}
	if s := aws.ToString(blue.Status); rdsstatus.OfCluster(s) != rdsstatus.Good {
		found = append(found, a.blocks(check, fmt.Sprintf("Its status is %q, and AWS clones what is available.", s), "Wait until it is available."))
	}
	if blue.GlobalClusterIdentifier != nil {
		found = append(found, finding.Finding{
			Check: check, Blocks: finding.Nothing, Object: a.blueName(),
			Reason: fmt.Sprintf("It belongs to global database %s. Green will not: secondary regions do not follow it.", *blue.GlobalClusterIdentifier),
			Fix:    "After the switchover make a global database of green.",
		})
	}
	instances, err := a.instances(ctx, blue)
	if err != nil {
		return nil, err
	}
	w := writer(blue, instances)
	switch {
	case w == nil:
		found = append(found, a.blocks(check, "It has no writer instance, and AWS does not clone it then.", "Give it a DB instance."))
	case rdsstatus.OfInstance(aws.ToString(w.DBInstanceStatus)) != rdsstatus.Good:
		found = append(found, a.blocks(check, fmt.Sprintf("Its writer %q has the status %q.", *w.DBInstanceIdentifier, aws.ToString(w.DBInstanceStatus)),
			"Wait until it is available."))
	}
	return found, nil
}

// checkVersion sees that a path leads to the version wanted, and that blue has its latest minor version.
func (a *Aurora) checkVersion(ctx context.Context, blue *types.DBCluster, _ *postgres.Server) (found []finding.Finding, err error) {
	const check = "aurora-version"
	from := aws.ToString(blue.EngineVersion)
	path, err := a.path(ctx, from)
	switch {
	case err != nil && codeOf(err) != "":
		return nil, err
	case err != nil:
		found = append(found, a.blocks(check, upperFirst(err.Error())+".", "Choose another `to` or aurora.version."))
	case len(path) > 1:
		found = append(found, finding.Finding{
			Check: check, Blocks: finding.Nothing, Object: a.blueName(),
			Reason: fmt.Sprintf("Nothing leads from %s straight to %s: the clone is upgraded to %s first, which takes longer.", from, path[1], path[0]),
			Fix:    "Nothing, or upgrade blue to its latest minor version.",
		})
	}
	info, err := a.versionInfo(ctx, from)
	if err != nil {
		return nil, err
	}
	if newer := targets(info, majorOf(from)); len(newer) > 0 {
		found = append(found, finding.Finding{
			Check: check, Blocks: finding.Nothing, Object: a.blueName(),
			Reason: fmt.Sprintf("It runs %s, and %s is there. AWS asks for the latest minor version before an upgrade of this kind.", from, newer[0]),
			Fix: fmt.Sprintf("aws rds modify-db-cluster --db-cluster-identifier %s --engine-version %s --apply-immediately",
				*blue.DBClusterIdentifier, newer[0]),
		})
	}
	return found, nil
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// checkFunction sees that the clone will be able to tell its LSN. Old minor versions lack the function.
func (a *Aurora) checkFunction(ctx context.Context, _ *types.DBCluster, server *postgres.Server) (found []finding.Finding, err error) {
	database, err := server.MaintenanceDatabase(ctx)
	if err != nil {
		return nil, err
	}
	err = server.In(ctx, database, func(conn *pgx.Conn) error {
		var there bool
		err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_proc WHERE proname = 'aurora_volume_logical_start_lsn')`).Scan(&there)
		if err == nil && !there {
			found = append(found, a.blocks("aurora-clone-lsn",
				"It has no function aurora_volume_logical_start_lsn, which tells where in the WAL a clone begins.",
				"Upgrade blue to the latest minor version of its major version: that has it."))
		}
		return err
	})
	return found, err
}

// checkParameters sees that blue's parameter groups are in force. What has to be in them is asked of the server by other checks.
func (a *Aurora) checkParameters(ctx context.Context, blue *types.DBCluster, _ *postgres.Server) (found []finding.Finding, err error) {
	const check = "aurora-parameters"
	instances, err := a.instances(ctx, blue)
	if err != nil {
		return nil, err
	}
	if w := writer(blue, instances); w != nil {
		if s := parametersOf(blue, w); s != "in-sync" {
			found = append(found, a.blocks(check, fmt.Sprintf("The parameters of its writer %q are %s, not in force.", *w.DBInstanceIdentifier, s),
				fmt.Sprintf("aws rds reboot-db-instance --db-instance-identifier %s   # clients are cut off for some seconds; pgteal never does it",
					*w.DBInstanceIdentifier)))
		}
	}
	g := group{name: aws.ToString(blue.DBClusterParameterGroup)}
	set, err := a.setIn(ctx, g)
	if err != nil {
		return nil, err
	}
	if v := aws.ToString(set[logicalReplication].ParameterValue); v != "1" {
		fix := fmt.Sprintf("aws rds modify-db-cluster-parameter-group --db-cluster-parameter-group-name %s --parameters "+
			"ParameterName=%s,ParameterValue=1,ApplyMethod=pending-reboot; then reboot the writer.", g.name, logicalReplication)
		if strings.HasPrefix(g.name, "default.") {
			fix = "A default group cannot be changed: make a DB cluster parameter group with it, give blue that one, and reboot the writer."
		}
		found = append(found, a.blocks(check,
			fmt.Sprintf("Its %s does not set %s to 1, so that its WAL does not hold row changes.", g, logicalReplication), fix))
	}
	return found, nil
}

// checkRoutes sees that no route needs blue to leave its address.
func (a *Aurora) checkRoutes(context.Context, *types.DBCluster, *postgres.Server) (found []finding.Finding, err error) {
	for i, r := range a.config.Routes {
		if r.Libpq != nil {
			found = append(found, finding.Finding{
				Check: "aurora-route", Blocks: finding.Upgrade, Object: fmt.Sprintf("routes[%d]", i),
				Reason: "A route libpq needs blue to listen no more, and a DB cluster of Aurora always listens.",
				Fix:    "Lead clients by a route that moves them: route53, pgbouncer, haproxy or command.",
			})
		}
	}
	return found, nil
}
