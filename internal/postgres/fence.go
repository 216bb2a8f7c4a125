package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Fence is what closing a server's gate changes in its catalogs, as it was before: an open gate puts exactly that back. The zero value
// changes nothing but default_transaction_read_only of all roles.
//
// pg_hba.conf turns away whoever begins to connect. What is left are clients that passed it a moment before and are still sending their
// password, and the workers of extensions, which never pass it. They are stopped by what is read after authentication: the connection
// limit of a database (superusers are exempt), the right to log in of superusers, and a read-only default that no role and no
// database has an exception from (https://www.postgresql.org/docs/current/config-setting.html).
type Fence struct {
	ReadOnly *string          `json:"read_only,omitempty"` // ALTER ROLE ALL SET default_transaction_read_only; nil: not set
	Limits   map[string]int   `json:"limits,omitempty"`    // CONNECTION LIMIT by database, where it is not 0
	Logins   []string         `json:"logins,omitempty"`    // superusers that may log in
	Settings []ReadOnlyOption `json:"settings,omitempty"`  // default_transaction_read_only of roles and databases
	Connects []Connect        `json:"connects,omitempty"`  // the rights to connect, in a cloud: what else is there takes a superuser
}

// ReadOnlyOption is ALTER ROLE ... [IN DATABASE ...] SET default_transaction_read_only, or ALTER DATABASE ... where Role is "".
type ReadOnlyOption struct {
	Role     string `json:"role,omitempty"`
	Database string `json:"database,omitempty"`
	Value    string `json:"value"` // "": not set
}

const readOnlySetting = "default_transaction_read_only"

// ReadFence reads from an open server what a fence will have to put back.
func ReadFence(ctx context.Context, conn *pgx.Conn) (f Fence, err error) {
	if !isSuperuser(conn) {
		return readCloudFence(ctx, conn)
	}
	rows, _ := conn.Query(ctx, `SELECT coalesce(rolname, ''), coalesce(datname, ''), split_part(option, '=', 2)
		FROM pg_db_role_setting CROSS JOIN unnest(setconfig) option
		LEFT JOIN pg_roles r ON r.oid = setrole LEFT JOIN pg_database d ON d.oid = setdatabase
		WHERE option LIKE '`+readOnlySetting+`=%' AND rolname IS DISTINCT FROM '`+Role+`' ORDER BY 1, 2`)
	options, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ReadOnlyOption])
	if err != nil {
		return f, fmt.Errorf("read the settings %s: %w", readOnlySetting, err)
	}
	for _, o := range options {
		if o.Role == "" && o.Database == "" {
			f.ReadOnly = &o.Value
		} else if o.Value != "on" {
			f.Settings = append(f.Settings, o)
		}
	}
	rows, _ = conn.Query(ctx, `SELECT datname, datconnlimit FROM pg_database WHERE datallowconn AND datconnlimit NOT IN (0, -2)`) // -2: half dropped
	f.Limits = map[string]int{}
	var name string
	var limit int
	_, err = pgx.ForEachRow(rows, []any{&name, &limit}, func() error {
		f.Limits[name] = limit
		return nil
	})
	if err != nil {
		return f, fmt.Errorf("read the connection limits: %w", err)
	}
	rows, _ = conn.Query(ctx, `SELECT rolname FROM pg_roles WHERE rolsuper AND rolcanlogin AND rolname <> '`+Role+`' ORDER BY 1`)
	if f.Logins, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return f, fmt.Errorf("list the superusers: %w", err)
	}
	return f, nil
}

// openPatience is how long opening waits at most for a client's transaction.
const openPatience = "2s"

// fencePatience is how long each attempt to set the gate waits for a client's transaction that has changed one of these roles or databases. One
// that opens is short at first: where closing failed for the same lock, there is nothing to put back, and clients are held meanwhile.
func fencePatience(hba HBA) []string {
	if hba == HBAClosed {
		return []string{"500ms"}
	}
	return []string{"50ms", openPatience}
}

// statementsFor are the statements that set the gate, as one message and so as one transaction.
func (f Fence) statementsFor(ctx context.Context, conn *pgx.Conn, hba HBA, patience string) (string, error) {
	switch {
	case !isSuperuser(conn):
		var databases []string
		err := conn.QueryRow(ctx, `SELECT ARRAY(SELECT datname::text FROM pg_database WHERE `+closable+`
			AND EXISTS (SELECT FROM pg_roles WHERE rolname = '`+Role+`') ORDER BY 1)`, pgx.QueryExecModeSimpleProtocol).Scan(&databases)
		if err != nil {
			return "", fmt.Errorf("list the databases to close: %w", err)
		}
		return fenceLock(patience) + f.cloudStatements(hba, databases), nil
	case hba == HBAClosed:
		return f.raised(patience), nil
	}
	return f.lowered(patience), nil
}

// raised are the statements that close, as one message and so as one transaction.
func (f Fence) raised(patience string) string {
	closed := Fence{ReadOnly: new("on"), Limits: map[string]int{}, Settings: slices.Clone(f.Settings)}
	for database := range f.Limits {
		closed.Limits[database] = 0
	}
	for i := range closed.Settings {
		closed.Settings[i].Value = "on"
	}
	return fenceLock(patience) + closed.statements() + logins(f.Logins, "NOLOGIN")
}

// lowered are the statements that put everything back.
func (f Fence) lowered(patience string) string {
	return fenceLock(patience) + f.statements() + logins(f.Logins, "LOGIN")
}

// fenceLock makes a fence wait for another one on the same server, of a pgteal that was killed in the middle of it for example, and bounds how
// long it waits for a client's transaction.
func fenceLock(patience string) string {
	return "SET LOCAL lock_timeout = '" + patience + "'; SELECT pg_advisory_xact_lock(x'7067746561'::bigint);"
}

func (f Fence) statements() string {
	var s strings.Builder
	if f.ReadOnly == nil {
		s.WriteString("ALTER ROLE ALL RESET " + readOnlySetting + ";")
	} else {
		s.WriteString("ALTER ROLE ALL SET " + readOnlySetting + " = " + Literal(*f.ReadOnly) + ";")
	}
	for database, limit := range f.Limits {
		fmt.Fprintf(&s, "ALTER DATABASE %s CONNECTION LIMIT %d;", Ident(database), limit)
	}
	for _, o := range f.Settings {
		s.WriteString(o.statement())
	}
	return s.String()
}

func (o ReadOnlyOption) statement() string {
	s := "ALTER ROLE " + Ident(o.Role)
	switch {
	case o.Role == "":
		s = "ALTER DATABASE " + Ident(o.Database)
	case o.Database != "":
		s += " IN DATABASE " + Ident(o.Database)
	}
	if o.Value == "" {
		return s + " RESET " + readOnlySetting + ";"
	}
	return s + " SET " + readOnlySetting + " = " + Literal(o.Value) + ";"
}

func logins(roles []string, option string) string {
	var s strings.Builder
	for _, role := range roles {
		s.WriteString("ALTER ROLE " + Ident(role) + " " + option + ";")
	}
	return s.String()
}

// PutBackLogins lets superusers log in again, and gives databases and roles back the limits and settings that they had. A closed
// pg_hba.conf and the read-only default stay: once authentication_timeout has passed since it was closed, nobody is left whom it let by. In a
// cloud the owners of databases may connect again, who can let in everybody else.
func (f Fence) PutBackLogins(ctx context.Context, conn *pgx.Conn) error {
	f, err := f.present(ctx, conn)
	if err != nil {
		return err
	}
	f.ReadOnly = new("on")
	statements := f.lowered(openPatience)
	if !isSuperuser(conn) {
		owners := slices.DeleteFunc(f.Connects, func(c Connect) bool { return !c.Owner })
		statements = fenceLock(openPatience) + Fence{Connects: owners}.cloudStatements(HBAOpen, nil)
	}
	if _, err := conn.Exec(ctx, statements); err != nil {
		return fmt.Errorf("put logins and connection limits back: %w", err)
	}
	return nil
}

// present is f without the roles and databases that are no longer there: nothing of theirs can be put back.
func (f Fence) present(ctx context.Context, conn *pgx.Conn) (Fence, error) {
	var roles, databases []string
	err := conn.QueryRow(ctx, `SELECT ARRAY(SELECT rolname::text FROM pg_roles), ARRAY(SELECT datname::text FROM pg_database)`,
		pgx.QueryExecModeSimpleProtocol).Scan(&roles, &databases)
	if err != nil {
		return f, fmt.Errorf("list roles and databases: %w", err)
	}
	f.Limits = maps.Clone(f.Limits)
	maps.DeleteFunc(f.Limits, func(name string, _ int) bool { return !slices.Contains(databases, name) })
	f.Logins = slices.DeleteFunc(slices.Clone(f.Logins), func(name string) bool { return !slices.Contains(roles, name) })
	f.Settings = slices.DeleteFunc(slices.Clone(f.Settings), func(o ReadOnlyOption) bool {
		return o.Role != "" && !slices.Contains(roles, o.Role) || o.Database != "" && !slices.Contains(databases, o.Database)
	})
	f.Connects = slices.DeleteFunc(slices.Clone(f.Connects), func(c Connect) bool {
		return c.Role != "" && !slices.Contains(roles, c.Role) || !slices.Contains(databases, c.Database)
	})
	return f, nil
}

// equal tells whether nothing of o differs from f.
func (f Fence) equal(o Fence) bool {
	return (f.ReadOnly == nil) == (o.ReadOnly == nil) && (f.ReadOnly == nil || *f.ReadOnly == *o.ReadOnly) &&
		maps.Equal(f.Limits, o.Limits) && slices.Equal(f.Logins, o.Logins) && slices.Equal(f.Settings, o.Settings) &&
		slices.Equal(f.Connects, o.Connects)
}
