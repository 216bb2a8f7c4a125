// Package rights makes an ordinary PostgreSQL cluster one in which nobody is a superuser but the cloud: the rights of roles as Amazon gives them
// (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.html), as far as pgteal meets them.
//
// Amazon changes the server for it; here ordinary SQL has to do. What that cannot imitate: members of rds_superuser may grant every role on Aurora 16
// and later, and only those that they administer here, as PostgreSQL itself has it; and session_replication_role cannot be set before 15.
package rights

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
)

// Admin is the only superuser: the cloud's own. initdb has made it.
const Admin = "rdsadmin"

// StartLSNSetting is the setting whose value aurora_volume_logical_start_lsn() returns: of a clone, the end of the log in it.
const StartLSNSetting = "aurora.volume_logical_start_lsn"

// Install gives server, which is reached as Admin, the cloud's roles, functions and database, and makes master, its password aside. It may be
// called again, and has to be after an upgrade: what is in pg_catalog does not outlive one.
func Install(ctx context.Context, server *postgres.Server, master string) error {
	err := server.In(ctx, "postgres", func(conn *pgx.Conn) error {
		major, err := postgres.Major(ctx, conn)
		if err != nil {
			return err
		}
		if err := run(ctx, conn, slices.Concat(roles(major), masterRole(master), databases(master))); err != nil {
			return err
		}
		return makeDatabase(ctx, conn)
	})
	if err != nil {
		return fmt.Errorf("give the roles of %s Amazon's rights: %w", server.Name, err)
	}
	return inEach(ctx, server, func(conn *pgx.Conn) error {
		major, err := postgres.Major(ctx, conn)
		if err != nil {
			return err
		}
		statements := slices.Concat(functions(), origins(major), publicSchema(master, major))
		if major < 16 { // from 16 on pg_create_subscription is there for it
			statements = append(statements, elevation...)
		}
		return run(ctx, conn, statements)
	})
}

// Remove takes away, before an upgrade, what the restore of a dump would not find again.
func Remove(ctx context.Context, server *postgres.Server) error {
	return inEach(ctx, server, func(conn *pgx.Conn) error {
		return run(ctx, conn, []string{
			`DROP EVENT TRIGGER IF EXISTS rdsadmin_elevate`, `DROP EVENT TRIGGER IF EXISTS rdsadmin_lower`,
		})
	})
}

// Sync gives members of rds_replication what PostgreSQL itself asks for, the attribute REPLICATION. A server that looks after it does so before
// each session begins.
func Sync(ctx context.Context, conn *pgx.Conn) error {
	return run(ctx, conn, []string{`DO $$ DECLARE r name; BEGIN
		FOR r IN SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper AND NOT rolreplication AND pg_has_role(oid, 'rds_replication', 'MEMBER') LOOP
			EXECUTE format('ALTER ROLE %I REPLICATION', r);
		END LOOP;
	END $$`})
}

// inEach runs do in every database that takes connections.
func inEach(ctx context.Context, server *postgres.Server, do func(*pgx.Conn) error) error {
	var names []string
	err := server.In(ctx, "postgres", func(conn *pgx.Conn) (err error) {
		rows, _ := conn.Query(ctx, `SELECT datname::text FROM pg_database WHERE datallowconn ORDER BY 1`)
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	for _, name := range names {
		err = errors.Join(err, server.In(ctx, name, do))
	}
	return err
}

func run(ctx context.Context, conn *pgx.Conn, statements []string) error {
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// makeDatabase makes the database that lets nobody in.
func makeDatabase(ctx context.Context, conn *pgx.Conn) error {
	var there bool
	err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = '`+Admin+`')`).Scan(&there)
	if err == nil && !there {
		err = run(ctx, conn, []string{`CREATE DATABASE ` + Admin, `REVOKE ALL ON DATABASE ` + Admin + ` FROM PUBLIC`})
	}
	return err
}
