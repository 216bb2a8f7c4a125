package check

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
)

const ownObjectsWhy = `In a cloud, where nobody is a superuser, the role that pgteal makes needs the rights of the owners of databases and tables. From 16 on
nobody may hand on the rights of a role to one that he has made himself: its maker is a member of it
(https://www.postgresql.org/docs/current/role-membership.html). So the role as which pgteal works must not own them itself.`

func ownObjects(ctx context.Context, s *Session) ([]finding.Finding, error) {
	if s.Major < 16 {
		return nil, nil
	}
	const sql = `SELECT quote_ident(rolname), (SELECT datdba = r.oid FROM pg_database WHERE datname = current_database()),
			(SELECT count(*) FROM pg_class WHERE relowner = r.oid AND oid >= 16384 AND relkind <> 'i')
		FROM pg_roles r WHERE rolname = current_user AND NOT rolsuper AND EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_superuser')
		AND (EXISTS (SELECT FROM pg_database WHERE datname = current_database() AND datdba = r.oid)
			OR EXISTS (SELECT FROM pg_namespace WHERE nspowner = r.oid AND nspname !~ '^pg_')
			OR EXISTS (SELECT FROM pg_class WHERE relowner = r.oid AND oid >= 16384))`
	type role struct {
		Name      string
		Database  bool
		Relations int
	}
	return find(ctx, s, sql, nil, func(r role) finding.Finding {
		what := fmt.Sprintf("%d relations", r.Relations)
		if r.Database {
			what = "the database and " + what
		}
		return finding.Finding{
			Blocks: finding.Upgrade, Object: s.in("what role " + r.Name + " owns"),
			Reason: "pgteal works as this role, and it owns " + what + ": it cannot hand those rights on to the role that pgteal makes.",
			Fix: "Put them under a role that nobody logs in as, such as owner: CREATE ROLE owner; GRANT owner TO " + r.Name +
				"; and in each database: REASSIGN OWNED BY " + r.Name + " TO owner;",
		}
	})
}
