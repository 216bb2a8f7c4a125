package upgrade

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// upgradeClone has the provider upgrade the clone.
func (u *Upgrade) upgradeClone(ctx context.Context, step *progress.Step) error {
	return u.provider.Upgrade(ctx, u.blue(), step)
}

// settle makes green a cluster that can serve: blue's settings, its extensions updated, statistics for the planner, collations that
// sort as this host does. It stays closed to clients.
func (u *Upgrade) settle(ctx context.Context, step *progress.Step) error {
	server, carried, err := u.provider.StartGreen(ctx, u.blue(), step)
	if err != nil {
		return err
	}
	if carried != nil { // they are told by the call that carries them over
		u.state.Settings = carried
	}
	if err := u.greetGreen(ctx, server); err != nil {
		return err
	}
	database, err := u.green.MaintenanceDatabase(ctx)
	if err != nil {
		return err
	}
	err = u.green.In(ctx, database, func(conn *pgx.Conn) error {
		if err := conn.QueryRow(ctx, `SELECT split_part(current_setting('server_version'), ' ', 1)`).Scan(&u.state.ToVersion); err != nil {
			return err
		}
		if err := postgres.SettleRole(ctx, conn); err != nil {
			return err
		}
		return u.green.SetGate(ctx, conn, postgres.HBAClosed, u.state.fence(green))
	})
	if err != nil {
		return err
	}
	for _, part := range []func(context.Context, *progress.Step) error{u.updateExtensions, u.rebuildIndexes, u.analyze, u.provider.Complete} {
		if err := part(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

func (u *Upgrade) settleActions(ctx context.Context, _ []postgres.Database) ([]string, error) {
	actions, err := u.provider.Actions(ctx, u.blue(), stepSettle)
	return append(actions,
		"on green: ALTER ROLE ALL SET default_transaction_read_only = on;",
		"on green, in each database: ALTER EXTENSION ... UPDATE; for each extension that has a newer version",
		"on green, in each database: REINDEX INDEX ...; for each index whose collation sorts differently here",
		"on green, in each database: ANALYZE ...; for each table without statistics",
	), err
}
