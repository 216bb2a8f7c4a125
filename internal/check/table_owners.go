package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
)

const tableOwnersWhy = `Only the owner of a table may add it to a publication and change its replica identity, or who has the rights of the owner
(https://www.postgresql.org/docs/current/sql-alterpublication.html). Superusers always do.`

func tableOwners(ctx context.Context, s *Session) ([]finding.Finding, error) {
	const sql = `SELECT quote_ident(pg_get_userbyid(c.relowner)), quote_ident(current_user), count(*), min(format('%I.%I', n.nspname, c.relname)),
			EXISTS (SELECT FROM pg_roles r WHERE r.oid = c.relowner AND r.rolsuper)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT pg_has_role(c.relowner, 'USAGE') AND ` + published + ` GROUP BY c.relowner`
	type owner struct {
		Name, Us string
		Tables   int
		First    string
		Super    bool
	}
	return find(ctx, s, sql, nil, func(o owner) finding.Finding {
		f := finding.Finding{
			Blocks: finding.Upgrade, Object: s.in("tables of role " + o.Name),
			Reason: "pgteal works as role " + o.Us + ", which may not publish the tables of this one, " + o.First + " for example, and may not change " +
				"their replica identity.",
			Fix: s.grant(o.Name, o.Us),
		}
		if o.Super { // nobody gets the rights of a superuser in this way
			f.Fix = "ALTER TABLE " + o.First + " OWNER TO " + o.Us + "; and so on, or put them under a role of which " + o.Us + " is a member."
		}
		return f
	})
}
