package upgrade

import (
	"context"
	"fmt"

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

// updateExtensions brings every extension to the version that green's installation brings. What an update makes belongs to the role that
// runs it. It runs as the first superuser, to whom pg_upgrade has given all extensions: nothing may belong to pgteal's role, which goes.
func (u *Upgrade) updateExtensions(ctx context.Context, step *progress.Step) error {
	return u.inDatabases(ctx, u.green, func(conn *pgx.Conn, _ postgres.Database) error {
		rows, _ := conn.Query(ctx, `SELECT name FROM pg_available_extensions WHERE installed_version <> default_version ORDER BY name`)
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("list extensions to update: %w", err)
		}
		if len(names) == 0 {
			return nil
		}
		if !u.managed() {
			_, err := conn.Exec(ctx, `SELECT set_config('role', rolname, false) FROM pg_roles WHERE oid = 10`) // BOOTSTRAP_SUPERUSERID
			if err != nil {
				return fmt.Errorf("become the first superuser: %w", err)
			}
		}
		for _, name := range names {
			step.Say("updating extension " + name)
			_, err := conn.Exec(ctx, "ALTER EXTENSION "+postgres.Ident(name)+" UPDATE")
			if u.managed() && postgres.SQLState(err) == "42501" { // insufficient_privilege: it is the cloud's, or takes the operator's role
				step.Say(fmt.Sprintf("extension %s stays as it is (%v): run ALTER EXTENSION %s UPDATE; on green after the switchover",
					name, err, postgres.Ident(name)))
			} else if err != nil {
				return fmt.Errorf("update extension %q: %w", name, err)
			}
		}
		return nil
	})
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
