package check

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// Session is what a check sees: a read-only session in one of blue's databases.
type Session struct {
	Target
	Database string // as SQL writes it, quoted where it has to be
	Major    int    // blue's
	Minor    int    // blue's

	conn     *pgx.Conn
	name     string             // the database's, as it is
	settings map[string]setting // the whole of pg_settings
	altered  map[string]string  // what ALTER SYSTEM has set, in force or not; nil where we may not see it

	mayRepair bool            // we are a superuser, and blue takes writes
	target    *targetSettings // which settings the target takes

	wal        postgres.WALReading // where the log was when the checks began
	parameters []Parameter         // once a check has asked for them
	begun      bool                // known then: pgteal's slots are there
}

type setting struct {
	Value, Unit, Source string
}

// sessionSQL makes sure that nothing is written, that no check waits long for a lock that somebody holds on a catalog, and that
// the long queries below are not compiled, which takes longer than they do.
const sessionSQL = `SET default_transaction_read_only = on; SET lock_timeout = '10s'; SET jit = off`

// open opens a session in database. What concerns the whole cluster is taken from first, unless that is nil.
func open(ctx context.Context, t Target, database string, first *Session) (*Session, error) {
	conn, err := t.Blue.Connect(ctx, database)
	if err != nil {
		return nil, err
	}
	s := &Session{Target: t, conn: conn}
	if err := s.start(ctx, first); err != nil {
		s.close()
		return nil, fmt.Errorf("prepare to check database %q of %s: %w", database, t.Blue.Name, err)
	}
	return s, nil
}

func (s *Session) start(ctx context.Context, first *Session) error {
	var version int
	err := s.conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_database(), quote_ident(current_database())`).
		Scan(&version, &s.name, &s.Database)
	if err != nil {
		return err
	}
	s.Major, s.Minor = version/10000, version%10000
	if s.Major < 11 { // it knows no jit, and only its version will be asked for
		return nil
	}
	if _, err := s.conn.Exec(ctx, sessionSQL); err != nil {
		return err
	}
	if first != nil {
		s.settings, s.altered, s.target, s.mayRepair = first.settings, first.altered, first.target, first.mayRepair
		return nil
	}
	s.wal, _ = postgres.ReadWAL(ctx, s.conn) // the check wal-space reads it again, and says why it cannot
	s.target = newTargetSettings(ctx, s)
	s.settings = map[string]setting{}
	rows, err := s.conn.Query(ctx, `SELECT name, coalesce(setting, ''), coalesce(unit, ''), source FROM pg_settings`)
	if err != nil {
		return err
	}
	var name string
	var is setting
	_, err = pgx.ForEachRow(rows, []any{&name, &is.Value, &is.Unit, &is.Source}, func() error {
		s.settings[name] = is
		return nil
	})
	if err != nil {
		return err
	}
	err = s.conn.QueryRow(ctx, `SELECT current_setting('is_superuser') = 'on' AND NOT pg_is_in_recovery()`).Scan(&s.mayRepair)
	if err != nil {
		return err
	}
	return s.readAltered(ctx)
}

// readAltered reads what ALTER SYSTEM has set.
func (s *Session) readAltered(ctx context.Context) error {
	rows, err := s.conn.Query(ctx, `SELECT name, setting FROM pg_file_settings
		WHERE name IS NOT NULL AND setting IS NOT NULL AND sourcefile = current_setting('data_directory') || '/postgresql.auto.conf'`)
	if err != nil {
		return err
	}
	altered := map[string]string{}
	var name, value string
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		altered[name] = value
		return nil
	})
	if postgres.SQLState(err) == "42501" { // insufficient_privilege: only superusers see the files
		return nil
	}
	s.altered = altered
	return err
}

func (s *Session) close() { postgres.Close(s.conn) }

// place is a database to look at, and what for.
type place struct {
	Name   string
	Scopes []Scope
}

// places lists the databases to look at: those that take connections from us. What is wrong with the others is the business
// of the checks databases, encodings and rights.
func (s *Session) places(ctx context.Context) ([]place, error) {
	rows, _ := s.conn.Query(ctx, `SELECT datname FROM pg_database
		WHERE datallowconn AND datconnlimit <> -2 AND has_database_privilege(oid, 'CONNECT') AND NOT `+notReadable+` ORDER BY datname`)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list the databases of %s: %w", s.Blue.Name, err)
	}
	var places []place
	for _, name := range names {
		p := place{Name: name, Scopes: []Scope{Upgraded}}
		if slices.ContainsFunc(s.Databases, func(d postgres.Database) bool { return d.Name == name }) {
			p.Scopes = append(p.Scopes, Replicated)
		}
		places = append(places, p)
	}
	return places, nil
}

// in names object, which is in the session's database.
func (s *Session) in(object string) string { return object + " in database " + s.Database }

// number returns a numeric setting in its own unit, and false where the server does not have it.
func (s *Session) number(name string) (int64, bool) {
	n, err := strconv.ParseInt(s.settings[name].Value, 10, 64)
	return n, err == nil
}

// set returns what sets a setting of blue to value, written as in SQL. A setting given on the server's command line, as Patroni
// does, is changed there: it beats ALTER SYSTEM.
func (s *Session) set(name, value string, restart bool) string {
	then := "SELECT pg_reload_conf();"
	if restart {
		then = "then restart blue."
	}
	switch {
	case s.settings[name].Source == "command line":
		return fmt.Sprintf("Set %s to %s where blue's command line is made (with Patroni: patronictl edit-config), then restart "+
			"blue.", name, value)
	case restart && s.altered[name] == value:
		return fmt.Sprintf("Restart blue: ALTER SYSTEM SET %s = %s; has been run already.", name, value)
	}
	return fmt.Sprintf("ALTER SYSTEM SET %s = %s; %s", name, value, then)
}

// setting returns f with the fix and the repair that set a setting of blue to value, a plain number or word.
func (s *Session) setting(f finding.Finding, name, value string, restart bool) finding.Finding {
	f.Fix = s.set(name, value, restart)
	if s.altered == nil || s.altered[name] == value || s.settings[name].Source == "command line" {
		return f
	}
	if !restart { // what a reload changes is the operator's to weigh
		return f
	}
	f.Repair = &finding.Repair{SQL: "ALTER SYSTEM SET " + name + " = " + value, Undo: "ALTER SYSTEM RESET " + name, Restart: true}
	before, altered := s.altered[name]
	if altered {
		f.Repair.Undo = "ALTER SYSTEM SET " + name + " = " + postgres.Literal(before)
	}
	f.Repair.TakeBack = fmt.Sprintf(`SELECT %s WHERE EXISTS (SELECT FROM pg_file_settings WHERE name = %s AND setting = %s
		AND sourcefile = current_setting('data_directory') || '/postgresql.auto.conf')%s`,
		postgres.Literal(f.Repair.Undo), postgres.Literal(name), postgres.Literal(value), s.startable(name))
	return f
}

// startable is a condition without which a server would not start again with what it has of a setting now: slots that somebody has made meanwhile
// (StartupReplicationSlots in src/backend/replication/slot.c).
func (s *Session) startable(name string) string {
	switch name {
	case "wal_level":
		return ` AND NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_type = 'logical')`
	case "max_replication_slots":
		return ` AND (SELECT count(*) FROM pg_replication_slots) <= ` + s.settings[name].Value
	}
	return ""
}

// find runs a query and describes each of its rows, whose columns are the fields of T in order.
func find[T any](ctx context.Context, s *Session, sql string, args []any, describe func(T) finding.Finding) ([]finding.Finding, error) {
	rows, _ := s.conn.Query(ctx, sql, args...)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (finding.Finding, error) {
		is, err := pgx.RowToStructByPos[T](row)
		if err != nil {
			return finding.Finding{}, err
		}
		return describe(is), nil
	})
}

// one runs a query that returns one row with one column.
func one[T any](ctx context.Context, s *Session, sql string, args ...any) (T, error) {
	var value T
	err := s.conn.QueryRow(ctx, sql, args...).Scan(&value)
	return value, err
}

// published is the SQL condition for the tables c in schema n that a publication for all tables publishes, as the server itself
// sees it: permanent ordinary tables and partitions, one by one, no catalogs
// (is_publishable_class in src/backend/catalog/pg_publication.c), without pgteal's own.
const published = `c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384 AND n.nspname <> '` + postgres.Schema + `'`
