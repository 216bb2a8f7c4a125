package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
)

const unloggedTablesWhy = `The content of an unlogged table is in no WAL: on green, which comes out of crash recovery, it is
empty, and nothing is replicated to it. Where one references a table that is replicated, TRUNCATE of both arrives as TRUNCATE of the one, which
the foreign key forbids: apply stops there with an error.`

func unloggedTables(ctx context.Context, s *Session) ([]finding.Finding, error) {
	const sql = `SELECT format('%I.%I', n.nspname, c.relname), coalesce((SELECT string_agg(DISTINCT confrelid::regclass::text, ', ')
		FROM pg_constraint f JOIN pg_class r ON r.oid = confrelid WHERE conrelid = c.oid AND contype = 'f' AND r.relpersistence = 'p'), '')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND c.relpersistence = 'u'`
	type table struct{ Name, References string }
	return find(ctx, s, sql, nil, func(t table) finding.Finding {
		f := finding.Finding{
			Blocks: finding.Nothing, Object: s.in("unlogged table " + t.Name),
			Reason: "It is empty on green, and nothing is replicated to it.",
			Fix:    "ALTER TABLE " + t.Name + " SET LOGGED; if its content matters; otherwise let the application fill it again.",
		}
		if t.References != "" {
			f.Reason += " It references " + t.References + ": TRUNCATE of that, CASCADE or both at once, stops replication."
			f.Fix = "ALTER TABLE " + t.Name + " SET LOGGED; or drop the foreign key; or truncate nothing that it references until the upgrade is finished."
		}
		return f
	})
}
