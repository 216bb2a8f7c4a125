package check

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const namesWhy = `pg_upgrade hands the names of databases to other programs and refuses a line break in them (appendConnStrVal in
src/fe_utils/string_utils.c). From 19 on it refuses one in the names of roles and tablespaces too (src/bin/pg_upgrade/check.c). Names of
databases and roles are shared by databases of all encodings, so they may hold bytes that are no UTF-8: neither pgteal nor pg_dumpall
can read those.`

func names(ctx context.Context, s *Session) ([]finding.Finding, error) {
	const sql = `SELECT kind, quote_ident(name) FROM (
			SELECT 'database', datname FROM pg_database
			UNION ALL SELECT 'role', rolname FROM pg_roles WHERE $1
			UNION ALL SELECT 'tablespace', spcname FROM pg_tablespace WHERE $1) named(kind, name)
		WHERE name ~ '[\n\r]'`
	type object struct{ Kind, Name string }
	findings, err := find(ctx, s, sql, []any{s.To >= 19}, func(o object) finding.Finding {
		return finding.Finding{
			Blocks: finding.Upgrade, Object: o.Kind + " " + o.Name,
			Reason: "Its name holds a line break, and so pg_upgrade refuses.",
			Fix:    "ALTER " + o.Kind + " " + o.Name + " RENAME TO ...; with a name on one line.",
		}
	})
	if err != nil {
		return nil, err
	}
	roles, err := unreadableRoles(ctx, s)
	return append(findings, roles...), err
}

// unreadableRoles finds roles whose names are no UTF-8. Where the maintenance database has an encoding of its own, names are converted. (Databases
// of such names are no findings: nothing can be checked with one, see postgres.Databases.)
func unreadableRoles(ctx context.Context, s *Session) (findings []finding.Finding, err error) {
	rows, _ := s.conn.Query(ctx, `SELECT oid, `+postgres.RawName("rolname")+` FROM pg_roles WHERE getdatabaseencoding() IN ('UTF8', 'SQL_ASCII')`)
	var oid uint32
	var raw []byte
	_, err = pgx.ForEachRow(rows, []any{&oid, &raw}, func() error {
		if name := postgres.NameOf(raw); !utf8.ValidString(name) {
			findings = append(findings, finding.Finding{
				Blocks: finding.Upgrade, Object: fmt.Sprintf("role %q", name),
				Reason: "Its name is no UTF-8: neither pgteal nor pg_dumpall, by which pg_upgrade takes roles over, can read it.",
				Fix:    postgres.RenameSQL("ROLE", "pg_roles", "rolname", oid),
			})
		}
		return nil
	})
	return findings, err
}
