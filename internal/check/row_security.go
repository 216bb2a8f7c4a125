package check

import (
	"context"
	"strings"

	"github.com/pgteal/pgteal/internal/finding"
)

const rowSecurityWhy = `Row-level security hides rows from those who may not bypass it: pgteal could then neither compare a table nor, as the owner of
a subscription, write to it: apply stops there with an error (TargetPrivilegesCheck() in src/backend/replication/logical/worker.c). Superusers,
roles with BYPASSRLS, and owners of tables without FORCE ROW LEVEL SECURITY are not under it.`

func rowSecurity(ctx context.Context, s *Session) ([]finding.Finding, error) {
	const sql = `SELECT format('%I.%I', n.nspname, c.relname), quote_ident(current_user), quote_ident(pg_get_userbyid(c.relowner)),
			pg_has_role(c.relowner, 'USAGE'), c.relforcerowsecurity
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relrowsecurity AND row_security_active(c.oid) AND ` + published
	type table struct {
		Name, Us, Owner string
		Owned, Forced   bool
	}
	return find(ctx, s, sql, nil, func(t table) finding.Finding {
		f := finding.Finding{
			Blocks: finding.Upgrade, Object: s.in("table " + t.Name),
			Reason: "Its row-level security holds for role " + t.Us + ", as which pgteal works: it may not see every row, and a subscription of its own " +
				"stops at the first change.",
		}
		if !t.Owned {
			f.Fix = s.grant(t.Owner, t.Us)
		}
		if t.Forced {
			f.Fix = strings.TrimSpace(f.Fix + " ALTER TABLE " + t.Name + " NO FORCE ROW LEVEL SECURITY; until the upgrade is finished.")
		}
		return f
	})
}
