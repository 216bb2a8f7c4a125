package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
)

const withOIDsWhy = `PostgreSQL 12 has no tables WITH OIDS any more (check_for_tables_with_oids in src/bin/pg_upgrade/check.c).`

func withOIDs(ctx context.Context, s *Session) ([]finding.Finding, error) {
	if s.Major >= 12 {
		return nil, nil
	}
	const sql = `SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relhasoids AND n.nspname <> 'pg_catalog'`
	type table struct{ Name string }
	return find(ctx, s, sql, nil, func(t table) finding.Finding {
		return finding.Finding{
			Blocks: finding.Upgrade, Object: s.in("table " + t.Name),
			Reason: "It was created WITH OIDS, and so pg_upgrade refuses.",
			Fix:    "ALTER TABLE " + t.Name + " SET WITHOUT OIDS;",
		}
	})
}
