package postgres

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
)

// Database is one database of a cluster.
type Database struct {
	OID  uint32 `json:"oid"`
	Name string `json:"name"`
}

// connectable is the SQL condition for databases that take connections: one whose removal was interrupted does not
// (https://www.postgresql.org/docs/current/catalog-pg-database.html, datconnlimit), and Amazon's rdsadmin lets nobody in.
const connectable = `datallowconn AND datconnlimit <> -2 AND NOT (datname = 'rdsadmin' AND pg_get_userbyid(datdba) = 'rdsadmin')`

// Databases lists the databases whose tables are carried over, by name: all that take connections but templates. A template is
// counted only when somebody keeps tables in it, because whatever pgteal makes there would be copied into new databases.
func (s *Server) Databases(ctx context.Context) ([]Database, error) {
	maintenance, err := s.MaintenanceDatabase(ctx)
	if err != nil {
		return nil, err
	}
	var databases, templates []Database
	err = s.In(ctx, maintenance, func(conn *pgx.Conn) error {
		if databases, err = listed(ctx, conn, false); err != nil {
			return err
		}
		templates, err = listed(ctx, conn, true)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the databases: %w", err)
	}
	for _, template := range templates {
		var used bool
		err := s.In(ctx, template.Name, func(conn *pgx.Conn) error {
			return conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_class WHERE relkind IN ('r', 'p') AND oid >= 16384
				AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'pg_toast'))`).Scan(&used)
		})
		if err != nil {
			return nil, err
		}
		if used {
			databases = append(databases, template)
		}
	}
	return databases, nil
}

// Templates lists the templates that take connections: template1, and what somebody has made to copy new databases from.
func (s *Server) Templates(ctx context.Context) (templates []Database, err error) {
	maintenance, err := s.MaintenanceDatabase(ctx)
	if err != nil {
		return nil, err
	}
	err = s.In(ctx, maintenance, func(conn *pgx.Conn) (err error) {
		templates, err = listed(ctx, conn, true)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the templates: %w", err)
	}
	return templates, nil
}

// listed lists the templates, or all others, that take connections.
func listed(ctx context.Context, conn *pgx.Conn, template bool) ([]Database, error) {
	rows, _ := conn.Query(ctx, `SELECT oid, `+RawName("datname")+`, getdatabaseencoding() IN ('UTF8', 'SQL_ASCII') FROM pg_database
		WHERE `+connectable+` AND datistemplate = $1 ORDER BY datname`, template)
	return pgx.CollectRows(rows, spellable)
}

// spellable reads a database with a name that pgteal can write everywhere: in its journal, and to the server before it knows the encoding of
// the session. The row says whether the session hands the bytes of names on as they are.
func spellable(row pgx.CollectableRow) (d Database, err error) {
	var raw []byte
	var asItIs bool
	if err := row.Scan(&d.OID, &raw, &asItIs); err != nil {
		return d, err
	}
	d.Name = NameOf(raw)
	if utf8.ValidString(d.Name) && (asItIs || !strings.ContainsFunc(d.Name, func(r rune) bool { return r > unicode.MaxASCII })) {
		return d, nil
	}
	return d, fault.New(fault.Forbidden, fmt.Errorf("the name of the database with oid %d is %q: pgteal can only use names in UTF-8, "+
		"and in ASCII where the maintenance database has another encoding", d.OID, d.Name), RenameSQL("DATABASE", "pg_database", "datname", d.OID))
}

// RenameSQL returns a statement that gives a database or a role another name, whatever the bytes of its name are.
func RenameSQL(kind, catalog, column string, oid uint32) string {
	return fmt.Sprintf("DO $$ BEGIN EXECUTE format('ALTER %s %%I RENAME TO renamed_%d', (SELECT %s FROM %s WHERE oid = %d)); END $$;   "+
		"-- or another name", kind, oid, column, catalog, oid)
}

// RawName is the SQL for the bytes of a name, which the server sends without converting or checking them: quote_literal copies bytes, and
// doubles the backslashes, which the cast takes for its own. NameOf reads them.
func RawName(column string) string { return "quote_literal(" + column + "::text)::bytea" }

// NameOf returns the name that RawName has read.
func NameOf(raw []byte) string {
	quoted := strings.TrimPrefix(string(raw), "E")
	return strings.ReplaceAll(quoted[1:len(quoted)-1], "''", "'")
}

// MaintenanceDatabase returns the database for what concerns the whole cluster: postgres, or the first that takes connections where
// somebody dropped that. It is the same for every pgteal, so that advisory locks in it exclude each other.
func (s *Server) MaintenanceDatabase(ctx context.Context) (string, error) {
	first := "postgres"
	conn, err := s.Connect(ctx, first)
	// invalid_catalog_name: there is none of that name; object_not_in_prerequisite_state: it takes no connections
	if code := SQLState(err); code == "3D000" || code == "55000" {
		if first = s.Database(); first == "" {
			first = "template1"
		}
		conn, err = s.Connect(ctx, first)
	}
	if err != nil {
		return "", err
	}
	defer Close(conn)
	var name string
	err = conn.QueryRow(ctx, `SELECT datname FROM pg_database WHERE `+connectable+` AND NOT datistemplate
		ORDER BY datname <> 'postgres', datname LIMIT 1`).Scan(&name)
	if err != nil {
		return "", fmt.Errorf("%s: find a database that takes connections: %w", s.Name, err)
	}
	return name, nil
}
