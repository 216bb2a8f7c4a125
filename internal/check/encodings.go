package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
)

const encodingsWhy = `Nothing converts the encoding MULE_INTERNAL to UTF8, in which pgteal speaks to blue, and PostgreSQL 19 does not
have it any more (src/bin/pg_upgrade/check.c, "Checking for unsupported encodings").`

// notReadable is the SQL condition for databases that pgteal cannot connect to because of their encoding.
const notReadable = `pg_encoding_to_char(encoding) = 'MULE_INTERNAL'`

func encodings(ctx context.Context, s *Session) ([]finding.Finding, error) {
	const sql = `SELECT quote_ident(datname) FROM pg_database WHERE ` + notReadable
	type database struct{ Name string }
	return find(ctx, s, sql, nil, func(d database) finding.Finding {
		return finding.Finding{
			Blocks: finding.Upgrade, Object: "database " + d.Name,
			Reason: "Its encoding is MULE_INTERNAL: pgteal cannot read it as UTF8, and from PostgreSQL 19 on there is no such encoding.",
			Fix:    "Dump the database, create it again with encoding UTF8, and restore it.",
		}
	})
}
