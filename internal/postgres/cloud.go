package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// A cloud keeps the superuser to itself: Amazon's is rdsadmin, and the operator's role is a member of rds_superuser. Then Role is an ordinary
// role, there is no pg_hba.conf to write to, no file and no program of the server's, and only the owner's rights move an object. What pgteal
// does in another way there asks for it by isSuperuser.

// isSuperuser tells whether the session has the rights of a superuser, without asking the server: it reports each change
// (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-ASYNC).
func isSuperuser(conn *pgx.Conn) bool { return conn.PgConn().ParameterStatus("is_superuser") == "on" }

// InCloud tells whether the server behind a session of Role's is a cloud's. Elsewhere Role is a superuser.
func InCloud(conn *pgx.Conn) bool { return !isSuperuser(conn) }

// closable is the SQL condition for the databases that a session without superuser can close: those with an owner whose rights it has.
const closable = connectable + ` AND pg_has_role(datdba, 'USAGE')`

// Owners lists the roles without which Role could not do its work in the current database: who owns that, a schema, or a relation, and those by
// which Amazon hands out rights. The cloud's own are left out otherwise, and so are superusers: nobody gets their rights.
func Owners(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, _ := conn.Query(ctx, `SELECT rolname::text FROM pg_roles r WHERE rolname IN ('rds_superuser', 'rds_replication')
		OR NOT rolsuper AND rolname !~ '^(pg_|rds)' AND rolname <> '`+Role+`' AND oid IN (SELECT datdba FROM pg_database WHERE `+connectable+`
		UNION SELECT nspowner FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
		UNION SELECT relowner FROM pg_class WHERE oid >= 16384) ORDER BY 1`)
	owners, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list the owners of what is in the database: %w", err)
	}
	return owners, nil
}

// OpenDatabases lists the databases that the session cannot close and that somebody else may connect to.
func OpenDatabases(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	if isSuperuser(conn) {
		return nil, nil
	}
	rows, _ := conn.Query(ctx, `SELECT DISTINCT datname::text`+connects+` AND NOT pg_has_role(datdba, 'USAGE') ORDER BY 1`)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list the databases that cannot be closed: %w", err)
	}
	return names, nil
}

// Door is the database whose owner may always connect: from there he can grant the right to the others again, should pgteal's own state be lost
// while a server is closed. Elsewhere a superuser on the server's host has other ways in.
const Door = "template1"

// connects are the rights to connect that a fence takes: of everybody but Role, superusers, and Door's owner.
const connects = ` FROM pg_database CROSS JOIN aclexplode(coalesce(datacl, acldefault('d', datdba))) a LEFT JOIN pg_roles r ON r.oid = a.grantee
	WHERE a.privilege_type = 'CONNECT' AND ` + connectable + ` AND (a.grantee = 0 OR NOT r.rolsuper AND r.rolname <> '` + Role + `')
	AND NOT (datname = '` + Door + `' AND a.grantee = datdba)`

// Connect is a right to connect to a database.
type Connect struct {
	Database  string `json:"database"`
	Role      string `json:"role,omitempty"` // "": everybody (PUBLIC)
	Grantable bool   `json:"grantable,omitempty"`
	Owner     bool   `json:"owner,omitempty"` // Role owns the database
}

func (c Connect) grantee() string {
	if c.Role == "" {
		return "PUBLIC"
	}
	return Ident(c.Role)
}

// readCloudFence is ReadFence where nobody is a superuser.
func readCloudFence(ctx context.Context, conn *pgx.Conn) (f Fence, err error) {
	rows, _ := conn.Query(ctx, `SELECT datname::text, coalesce(rolname::text, ''), is_grantable, a.grantee = datdba`+connects+`
		AND pg_has_role(datdba, 'USAGE') ORDER BY 1, 2`)
	if f.Connects, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Connect]); err != nil {
		return f, fmt.Errorf("read who may connect: %w", err)
	}
	rows, _ = conn.Query(ctx, `SELECT '', datname::text, coalesce((SELECT split_part(option, '=', 2) FROM pg_db_role_setting, unnest(setconfig) option
		WHERE setdatabase = d.oid AND setrole = 0 AND option LIKE '`+readOnlySetting+`=%'), '') FROM pg_database d WHERE `+closable+` ORDER BY 2`)
	if f.Settings, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ReadOnlyOption]); err != nil {
		return f, fmt.Errorf("read the settings %s: %w", readOnlySetting, err)
	}
	return f, nil
}

// cloudStatements set the gate where nobody is a superuser, as one message and so as one transaction. Who may connect and the read-only default
// are read after the login, so both reach everybody who begins from then on, and the workers of extensions.
func (f Fence) cloudStatements(hba HBA, databases []string) string {
	var own, others string
	for _, name := range databases {
		if hba == HBANone {
			own += "REVOKE CONNECT ON DATABASE " + Ident(name) + " FROM " + Role + ";"
		} else {
			own += "GRANT CONNECT ON DATABASE " + Ident(name) + " TO " + Role + ";"
		}
	}
	settings := slices.Clone(f.Settings)
	for i := range settings {
		if hba == HBAClosed {
			settings[i].Value = "on"
		}
		others += settings[i].statement()
	}
	for _, c := range f.Connects {
		switch {
		case hba == HBAClosed:
			others += "REVOKE CONNECT ON DATABASE " + Ident(c.Database) + " FROM " + c.grantee() + " CASCADE;"
		case c.Grantable:
			others += "GRANT CONNECT ON DATABASE " + Ident(c.Database) + " TO " + c.grantee() + " WITH GRANT OPTION;"
		default:
			others += "GRANT CONNECT ON DATABASE " + Ident(c.Database) + " TO " + c.grantee() + ";"
		}
	}
	return own + others
}

// cloudGateIsClosed is GateIsClosed where nobody is a superuser.
func cloudGateIsClosed(ctx context.Context, conn *pgx.Conn) (wrong, mend string, err error) {
	fence, err := readCloudFence(ctx, conn)
	if err != nil {
		return "", "", err
	}
	for _, c := range fence.Connects {
		return fmt.Sprintf("Somebody has granted the right to connect to database %q to %s.", c.Database, c.grantee()),
			fence.cloudStatements(HBAClosed, nil), nil
	}
	for _, o := range fence.Settings {
		if o.Value != "on" {
			return "Somebody has taken back ALTER DATABASE " + Ident(o.Database) + " SET " + readOnlySetting + " = on.",
				fence.cloudStatements(HBAClosed, nil), nil
		}
	}
	return "", "", nil
}
