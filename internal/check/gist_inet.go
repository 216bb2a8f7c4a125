package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
)

const gistInetWhy = `PostgreSQL 19 makes its own inet_ops the default of GiST, in place of gist_inet_ops and gist_cidr_ops of
btree_gist. Indexes over these cannot be carried over (src/bin/pg_upgrade/check.c, "Checking for uses of
gist_inet_ops/gist_cidr_ops").`

func gistInet(ctx context.Context, s *Session) ([]finding.Finding, error) {
	if s.Major >= 19 || s.To < 19 {
		return nil, nil
	}
	const sql = `SELECT DISTINCT format('%I.%I', n.nspname, c.relname)
		FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod AND m.amname = 'gist'
		JOIN pg_index i ON o.oid = ANY (i.indclass) JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE o.opcname IN ('gist_inet_ops', 'gist_cidr_ops') AND o.opcdefault`
	type index struct{ Name string }
	return find(ctx, s, sql, nil, func(i index) finding.Finding {
		return finding.Finding{
			Blocks: finding.Upgrade, Object: s.in("index " + i.Name),
			Reason: "It uses an operator class of btree_gist for inet or cidr that 19 replaces, and so pg_upgrade refuses.",
			Fix:    "DROP INDEX " + i.Name + "; and make it anew with the operator class inet_ops.",
		}
	})
}
