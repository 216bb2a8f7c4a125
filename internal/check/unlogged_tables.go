package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
)

const unloggedTablesWhy = `The content of an unlogged table is in no WAL: on green, which comes out of crash recovery, it is
empty, and nothing is replicated to it.`

func unloggedTables(ctx context.Context, s *Session) ([]finding.Finding, error) {
	const sql = `SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND c.relpersistence = 'u'`
	type table struct{ Name string }
	return find(ctx, s, sql, nil, func(t table) finding.Finding {
		return finding.Finding{
			Blocks: finding.Nothing, Object: s.in("unlogged table " + t.Name),
			Reason: "It is empty on green, and nothing is replicated to it.",
			Fix:    "ALTER TABLE " + t.Name + " SET LOGGED; if its content matters; otherwise let the application fill it again.",
		}
	})
}
