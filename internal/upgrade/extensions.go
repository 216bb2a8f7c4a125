package upgrade

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// updateExtensions brings every extension to the version that green's installation brings. What an update makes belongs to the role that
// runs it. It runs as the first superuser, to whom pg_upgrade has given all extensions: nothing may belong to pgteal's role, which goes.
//
// An update that the server refuses, since a view of the operator's stands on one of the extension's for example, leaves the extension as pg_upgrade
// does: at blue's version, with which it works. Nobody could mend that on green, which is closed, so the operator is told to.
func (u *Upgrade) updateExtensions(ctx context.Context, step *progress.Step) error {
	u.state.Extensions = nil
	return u.inDatabasesAndTemplates(ctx, func(conn *pgx.Conn, d postgres.Database) error {
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
			if err != nil && !postgres.Refused(conn, err) {
				return fmt.Errorf("update extension %q: %w", name, err)
			} else if err != nil {
				u.state.Extensions = append(u.state.Extensions, fmt.Sprintf("%s in database %q could not be updated (%s): "+
					"once green serves, mend that and run ALTER EXTENSION %s UPDATE;", name, d.Name, withDetail(err), postgres.Ident(name)))
				step.Say("extension " + u.state.Extensions[len(u.state.Extensions)-1])
			}
		}
		return nil
	})
}

// withDetail is what the server said, with what stands in the way.
func withDetail(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Detail != "" {
		return fmt.Sprintf("%v: %s", err, e.Detail)
	}
	return err.Error()
}
