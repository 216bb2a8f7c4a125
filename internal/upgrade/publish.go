package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// publish makes pgteal's role, and in each database the schema with the marker table and the publication.
func (u *Upgrade) publish(ctx context.Context, step *progress.Step) error {
	databases, err := u.admin.Databases(ctx)
	if err != nil {
		return err
	}
	if err := u.refuseTaken(ctx, databases); err != nil {
		return err
	}
	u.state.Databases = databases
	if err := u.makeSecret(); err != nil {
		return err
	}
	owners, err := u.owners(ctx)
	if err != nil {
		return err
	}
	maker := u.admin
	if u.managed() { // an earlier run's role may not make itself anew
		if maker, err = u.operatorOnBlue(ctx); err != nil {
			return err
		}
	}
	err = on(ctx, maker, func(conn *pgx.Conn) error {
		fence, err := postgres.ReadFence(ctx, conn)
		if err != nil {
			return err
		}
		u.state.ReadOnly = fence.ReadOnly
		// What blue was like has to be known to whoever takes this back, before it is any different.
		if err := u.note(ctx, stepPublish, eventFound); err != nil {
			return err
		}
		return u.letRoleIn(ctx, conn, owners)
	})
	if err != nil {
		return err
	}
	for i, d := range databases {
		step.Count(int64(i), int64(len(databases)), "databases")
		if err := u.publisher().In(ctx, d.Name, func(conn *pgx.Conn) error { return u.publishDatabase(ctx, conn) }); err != nil {
			return err
		}
	}
	return u.asRole(u.admin).In(ctx, databases[0].Name, func(*pgx.Conn) error { return nil })
}

// publisher is blue as the role that publishes. In a cloud that is pgteal's own, so that it owns what it has to drop again, on green too.
func (u *Upgrade) publisher() *postgres.Server {
	if u.managed() {
		return u.asRole(u.admin)
	}
	return u.admin
}

// owners lists whose rights pgteal's role needs in a cloud, by all databases.
func (u *Upgrade) owners(ctx context.Context) (owners []string, err error) {
	if !u.managed() {
		return nil, nil
	}
	err = u.inDatabases(ctx, u.admin, func(conn *pgx.Conn, _ postgres.Database) error {
		found, err := postgres.Owners(ctx, conn)
		owners = append(owners, found...)
		return err
	})
	slices.Sort(owners)
	return slices.Compact(owners), err
}

// letRoleIn makes the role and opens the gate for it: replication and the fence need a way in that is theirs alone.
func (u *Upgrade) letRoleIn(ctx context.Context, conn *pgx.Conn, owners []string) error {
	if err := postgres.CreateRole(ctx, conn, u.state.ID, u.password, owners); err != nil {
		return err
	}
	return u.admin.SetGate(ctx, conn, postgres.HBAOpen, u.state.fence(blue))
}

// publishDatabase publishes every table of a database.
func (u *Upgrade) publishDatabase(ctx context.Context, conn *pgx.Conn) error {
	if err := postgres.Quiet(ctx, conn); err != nil {
		return err
	}
	publisher, err := postgres.Publisher(ctx, conn)
	if err != nil {
		return err
	}
	if publisher != u.state.ID {
		if err := u.makePublication(ctx, conn); err != nil {
			return err
		}
	}
	return postgres.PublishTables(ctx, conn)
}

// makePublication makes the schema, with whose upgrade it is, and the publication, all or nothing.
func (u *Upgrade) makePublication(ctx context.Context, conn *pgx.Conn) error {
	statements := []string{
		`SET LOCAL lock_timeout = '10s'`, postgres.SchemaSQL,
		`INSERT INTO pgteal.upgrade VALUES (` + postgres.Literal(u.state.ID) + `, ` + postgres.Literal(u.state.Name) + `)`,
		postgres.CreatePublicationSQL,
	}
	if u.managed() {
		statements = append(statements, postgres.ReadableSchemaSQL)
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, statement := range statements {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("publish: %w", err)
			}
		}
		return nil
	})
}

// refuseTaken is an error where something on blue bears a name that this upgrade needs, and is not of its making.
func (u *Upgrade) refuseTaken(ctx context.Context, databases []postgres.Database) error {
	var reasons []error
	var fixes []string
	refuse := func(t postgres.Taken, where string) {
		reasons = append(reasons, fmt.Errorf("%s on blue%s: %s", t.Object, where, t.Reason))
		if !slices.Contains(fixes, t.Free) {
			fixes = append(fixes, t.Free)
		}
	}
	err := on(ctx, u.admin, func(conn *pgx.Conn) error {
		taken, _, err := postgres.TakenRole(ctx, conn, u.state.ID)
		if taken != nil {
			refuse(*taken, "")
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, d := range databases {
		err := u.admin.In(ctx, d.Name, func(conn *pgx.Conn) error {
			taken, err := postgres.TakenNames(ctx, conn, u.state.ID, postgres.SlotName(d.OID))
			for _, t := range taken {
				refuse(t, fmt.Sprintf(", database %q", d.Name))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	return fault.New(fault.Forbidden, errors.Join(reasons...), strings.Join(fixes, "\n"))
}

// stranger returns whose upgrade it is that blue is in, "" where it is nobody's or ours. The role and its password, pg_hba.conf and the slots
// are then that upgrade's, too.
func (u *Upgrade) stranger(ctx context.Context) (stranger string, err error) {
	err = u.inDatabasesLeft(ctx, u.admin, func(conn *pgx.Conn, _ postgres.Database) error {
		publisher, err := postgres.Publisher(ctx, conn)
		if publisher != "" && publisher != u.state.ID {
			stranger = publisher
		}
		return err
	})
	return stranger, err
}

// unpublish takes all of it back. Where another upgrade is in blue, publish made nothing.
func (u *Upgrade) unpublish(ctx context.Context, _ *progress.Step) error {
	if len(u.state.Databases) == 0 { // it ended before it changed anything
		return nil
	}
	if err := u.renameDatabases(ctx); err != nil {
		return err
	}
	if owner, err := u.stranger(ctx); err != nil || owner != "" {
		return err
	}
	return u.removeTraces(ctx, u.admin, u.operatorOnBlue, true)
}

// renameDatabases takes up the names that blue's databases have now: one that was renamed still holds what pgteal made in it.
func (u *Upgrade) renameDatabases(ctx context.Context) error {
	now, err := u.admin.Databases(ctx)
	if err != nil {
		return err
	}
	for i, d := range u.state.Databases {
		if j := slices.IndexFunc(now, func(n postgres.Database) bool { return n.OID == d.OID }); j >= 0 {
			u.state.Databases[i].Name = now[j].Name
		}
	}
	return nil
}

// removeTraces removes from a cluster what publish made, or what of it the clone inherited. Without reload, the fence that is up stays up
// until the server stops. In a cloud it is the operator's role that drops pgteal's, which has no rights to itself.
func (u *Upgrade) removeTraces(ctx context.Context, server *postgres.Server, operator func(context.Context) (*postgres.Server, error), reload bool) error {
	if u.managed() {
		return u.removeCloudTraces(ctx, server, operator)
	}
	if err := u.unpublishAll(ctx, server); err != nil {
		return err
	}
	database, err := server.MaintenanceDatabase(ctx)
	if err != nil {
		return err
	}
	return server.In(ctx, database, func(conn *pgx.Conn) error {
		fence := u.state.fence(server.Name)
		if server.Name == u.state.serving() { // no fence stands: what the last one found may have been changed since
			if fence, err = postgres.ReadFence(ctx, conn); err != nil {
				return err
			}
		}
		if err := postgres.WriteGate(ctx, conn, postgres.HBANone, fence); err != nil {
			return err
		}
		// The role goes before the reload: until then the server lets it in, should we be cut off here and come back as it.
		if err := postgres.DropRole(ctx, conn, u.state.ID); err != nil || !reload {
			return err
		}
		if _, err := conn.Exec(ctx, `SELECT pg_reload_conf()`); err != nil {
			return fmt.Errorf("reload the configuration: %w", err)
		}
		return nil
	})
}

func (u *Upgrade) unpublishAll(ctx context.Context, server *postgres.Server) error {
	return u.inDatabasesLeft(ctx, server, func(conn *pgx.Conn, _ postgres.Database) error { return u.unpublishDatabase(ctx, conn) })
}

// unpublishDatabase drops the publication and the schema where they are this upgrade's: they came in one transaction.
func (u *Upgrade) unpublishDatabase(ctx context.Context, conn *pgx.Conn) error {
	publisher, err := postgres.Publisher(ctx, conn)
	if err != nil || publisher != u.state.ID {
		return err
	}
	if err := postgres.Quiet(ctx, conn); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, statement := range []string{
			`SET LOCAL lock_timeout = '10s'`, postgres.DropPublicationSQL, `DROP SCHEMA IF EXISTS ` + postgres.Schema + ` CASCADE`,
		} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("unpublish: %w", err)
			}
		}
		return nil
	})
}

func (u *Upgrade) publishActions(_ context.Context, databases []postgres.Database) ([]string, error) {
	actions := []string{
		"CREATE ROLE pgteal LOGIN SUPERUSER REPLICATION PASSWORD '(a SCRAM verifier of a random password)'; COMMENT ON ROLE pgteal IS '...';",
		"at the head of pg_hba.conf, then SELECT pg_reload_conf();\n" + postgres.HBAOpen.Block(),
	}
	var names []string
	for _, d := range databases {
		names = append(names, strconv.Quote(d.Name))
	}
	return append(actions,
		"in each of the databases "+strings.Join(names, ", ")+": BEGIN;"+postgres.SchemaSQL+"\n"+postgres.CreatePublicationSQL+";\nCOMMIT;\n"+
			postgres.AddTablesSQL+" ...;   # all tables",
	), nil
}
