package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
)

const materializedViewsWhy = `Logical replication does not carry materialized views: on green they hold what they held when blue
was cloned, whatever is refreshed on blue afterwards.`

func materializedViews(ctx context.Context, s *Session) ([]finding.Finding, error) {
	const sql = `SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'm' AND c.relispopulated`
	type view struct{ Name string }
	return find(ctx, s, sql, nil, func(v view) finding.Finding {
		return finding.Finding{
			Blocks: finding.Nothing, Object: s.in("materialized view " + v.Name),
			Reason: "On green it holds what it held when blue was cloned.",
			Fix:    "REFRESH MATERIALIZED VIEW " + v.Name + "; on green after the switchover.",
		}
	})
}
