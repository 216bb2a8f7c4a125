package check

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
)

const postfixOperatorsWhy = `PostgreSQL 14 has no postfix operators any more (check_for_user_defined_postfix_ops in
src/bin/pg_upgrade/check.c).`

func postfixOperators(ctx context.Context, s *Session) ([]finding.Finding, error) {
	if s.Major >= 14 || s.To < 14 {
		return nil, nil
	}
	const sql = `SELECT format('%I.%s', n.nspname, o.oprname), format('%I.%I', tn.nspname, t.typname)
		FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
		JOIN pg_type t ON t.oid = o.oprleft JOIN pg_namespace tn ON tn.oid = t.typnamespace
		WHERE o.oprright = 0 AND o.oid >= 16384`
	type operator struct{ Name, Type string }
	return find(ctx, s, sql, nil, func(o operator) finding.Finding {
		return finding.Finding{
			Blocks: finding.Upgrade, Object: s.in(fmt.Sprintf("operator %s (%s, NONE)", o.Name, o.Type)),
			Reason: "It stands behind its operand, and so pg_upgrade refuses. Its function, or a prefix operator, does the same.",
			Fix:    fmt.Sprintf("DROP OPERATOR %s (%s, NONE);", o.Name, o.Type),
		}
	})
}
