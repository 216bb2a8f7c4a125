package upgrade

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
)

// blue returns blue as pgteal's own role where that exists, which the fence lets in, and else as the operator's.
func (u *Upgrade) blue() *postgres.Server {
	if !u.state.done(stepPublish) || u.state.Outcome != "" {
		return u.admin
	}
	return u.asRole(u.admin)
}

// asRole returns a server as pgteal's own role reaches it.
func (u *Upgrade) asRole(server *postgres.Server) *postgres.Server {
	return server.As(postgres.Role, u.password, "")
}

// cluster returns blue or green, by its name.
func (u *Upgrade) cluster(name string) *postgres.Server {
	if name == green {
		return u.green
	}
	return u.blue()
}

func (u *Upgrade) onBlue(ctx context.Context, do func(*pgx.Conn) error) error {
	return on(ctx, u.blue(), do)
}

// on runs do in the maintenance database of server.
func on(ctx context.Context, server *postgres.Server, do func(*pgx.Conn) error) error {
	database, err := server.MaintenanceDatabase(ctx)
	if err != nil {
		return err
	}
	return server.In(ctx, database, do)
}

// inDatabases runs do in every database of server, one after the other.
func (u *Upgrade) inDatabases(ctx context.Context, server *postgres.Server, do func(*pgx.Conn, postgres.Database) error) error {
	for _, d := range u.state.Databases {
		if err := server.In(ctx, d.Name, func(conn *pgx.Conn) error { return do(conn, d) }); err != nil {
			return err
		}
	}
	return nil
}

// inDatabasesAndTemplates runs do in every database of green, also in the templates that new ones are copied from. A cloud looks after these itself.
func (u *Upgrade) inDatabasesAndTemplates(ctx context.Context, do func(*pgx.Conn, postgres.Database) error) error {
	if err := u.inDatabases(ctx, u.green, do); err != nil || u.managed() {
		return err
	}
	templates, err := u.green.Templates(ctx)
	if err != nil {
		return err
	}
	for _, t := range templates {
		if u.carries(t.Name) {
			continue
		}
		if err := u.green.In(ctx, t.Name, func(conn *pgx.Conn) error { return do(conn, t) }); err != nil {
			return err
		}
	}
	return nil
}

// carries tells whether the tables of a database are carried over.
func (u *Upgrade) carries(database string) bool {
	return slices.ContainsFunc(u.state.Databases, func(d postgres.Database) bool { return d.Name == database })
}

// inDatabasesLeft runs do in every database of server that is still there.
func (u *Upgrade) inDatabasesLeft(ctx context.Context, server *postgres.Server, do func(*pgx.Conn, postgres.Database) error) error {
	for _, d := range u.state.Databases {
		err := server.In(ctx, d.Name, func(conn *pgx.Conn) error { return do(conn, d) })
		if err != nil && postgres.SQLState(err) != "3D000" { // invalid_catalog_name
			return err
		}
	}
	return nil
}
