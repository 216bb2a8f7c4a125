package aurora

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider"
)

// StartClone returns the clone with its clone LSN, which Aurora keeps with the volume until the upgrade
// (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.MajorVersionUpgrade.html).
func (a *Aurora) StartClone(ctx context.Context, step *progress.Step) (*postgres.Server, postgres.LSN, error) {
	if err := a.begin(ctx, step); err != nil {
		return nil, 0, err
	}
	green, err := a.needGreen(ctx)
	if err != nil {
		return nil, 0, err
	}
	if err := a.awaitCluster(ctx, step, *green.DBClusterIdentifier, 0); err != nil {
		return nil, 0, err
	}
	if green, err = a.needGreen(ctx); err != nil { // it has its endpoint by now
		return nil, 0, err
	}
	clone, err := a.reach(ctx, "clone", green, step, func(err error) bool { return err == nil })
	if err != nil {
		return nil, 0, err
	}
	database, err := clone.MaintenanceDatabase(ctx)
	if err != nil {
		return nil, 0, err
	}
	var lsn postgres.LSN
	err = clone.In(ctx, database, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT aurora_volume_logical_start_lsn()`).Scan(&lsn)
	})
	if postgres.SQLState(err) == "42883" { // undefined_function
		err = fault.WithHint(err, "Upgrade blue to the latest minor version of its major version: that has the function. Then pgteal abort, and prepare again.")
	}
	if err == nil && lsn == 0 {
		err = fmt.Errorf("DB cluster %q says that its volume begins at 0/0: it is no clone", *green.DBClusterIdentifier)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("ask for the clone LSN: %w", err)
	}
	return clone, lsn, nil
}

// StartGreen waits until green is available with its parameter groups in force, and returns it. It is never stopped; where a parameter waits for
// a reboot, green's instances are rebooted while they have no clients. Once it is complete it is returned as it is, since that may happen in a
// pause; what became of settings is not told again then.
func (a *Aurora) StartGreen(ctx context.Context, _ *postgres.Server, step *progress.Step) (*postgres.Server, []provider.Carried, error) {
	if err := a.begin(ctx, step); err != nil {
		return nil, nil, err
	}
	green, err := a.needGreen(ctx)
	if err != nil {
		return nil, nil, err
	}
	blue, err := a.findBlue(ctx)
	if err != nil {
		return nil, nil, err
	}
	if valueOf(green.TagList, tagWhole) != "" {
		a.endpoint = endpointOf(green)
		server, err := a.server("green", green, blue)
		return server, nil, err
	}
	if err := a.settle(ctx, green, step); err != nil {
		return nil, nil, err
	}
	if green, err = a.needGreen(ctx); err != nil {
		return nil, nil, err
	}
	a.endpoint = endpointOf(green)
	// Whether it lets the operator's role in is another matter: it may be closed to clients.
	server, err := a.reach(ctx, "green", green, step, func(err error) bool { return err == nil || answered(err) })
	if err != nil || blue == nil {
		return server, nil, err
	}
	carried, err := a.carried(ctx, blue)
	return server, carried, err
}

// dnsLimit is how long the name of a new cluster endpoint may take to be known, and its server to take connections.
const dnsLimit = 5 * time.Minute

// reach returns the server of a cluster of pgteal's once an attempt to log in ends as it is to.
func (a *Aurora) reach(ctx context.Context, name string, green *types.DBCluster, step *progress.Step, ends func(error) bool) (*postgres.Server, error) {
	blue, err := a.findBlue(ctx)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(dnsLimit)
	for pause := firstLook; ; pause = min(pause*3/2, lastLook) {
		server, err := a.server(name, green, blue)
		if err != nil {
			return nil, err
		}
		if err = reachable(ctx, server); ends(err) {
			return server, nil
		}
		if answered(err) || time.Now().After(deadline) {
			return nil, fault.WithHint(err, fmt.Sprintf("See that this host reaches %s:%d, and that blue's role may log in there.",
				aws.ToString(green.Endpoint), aws.ToInt32(green.Port)))
		}
		step.Now(fmt.Sprintf("waiting until %s takes connections at %s", name, aws.ToString(green.Endpoint)))
		if err := pauseFor(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// answered tells that a server which runs has turned a login away, rather than one that starts (cannot_connect_now).
func answered(err error) bool {
	code := postgres.SQLState(err)
	return code != "" && code != "57P03"
}
