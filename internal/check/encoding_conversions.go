package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
)

const encodingConversionsWhy = `PostgreSQL 14 changed what functions of encoding conversions look like, so conversions of one's
own do not fit any more (check_for_user_defined_encoding_conversions in src/bin/pg_upgrade/check.c).`

func encodingConversions(ctx context.Context, s *Session) ([]finding.Finding, error) {
	if s.Major >= 14 || s.To < 14 {
		return nil, nil
	}
	const sql = `SELECT format('%I.%I', n.nspname, c.conname) FROM pg_conversion c JOIN pg_namespace n ON n.oid = c.connamespace
		WHERE c.oid >= 16384`
	type conversion struct{ Name string }
	return find(ctx, s, sql, nil, func(c conversion) finding.Finding {
		return finding.Finding{
			Blocks: finding.Upgrade, Object: s.in("conversion " + c.Name),
			Reason: "Its function has the signature of versions before 14, and so pg_upgrade refuses.",
			Fix:    "DROP CONVERSION " + c.Name + ";",
		}
	})
}
