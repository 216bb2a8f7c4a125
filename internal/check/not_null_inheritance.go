package check

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
)

const notNullInheritanceWhy = `From PostgreSQL 18 on, a child table cannot lack a NOT NULL that its parent has
(check_for_not_null_inheritance in src/bin/pg_upgrade/check.c). Older versions let it go missing.`

func notNullInheritance(ctx context.Context, s *Session) ([]finding.Finding, error) {
	if s.To < 18 {
		return nil, nil
	}
	const sql = `SELECT DISTINCT format('%I.%I', n.nspname, c.relname), quote_ident(child.attname)
		FROM pg_inherits i JOIN pg_attribute child ON child.attrelid = i.inhrelid AND NOT child.attnotnull
		JOIN pg_attribute parent ON parent.attrelid = i.inhparent
			AND parent.attname = child.attname AND parent.attnum > 0 AND parent.attnotnull
		JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace`
	type column struct{ Table, Name string }
	return find(ctx, s, sql, nil, func(c column) finding.Finding {
		return finding.Finding{
			Blocks: finding.Upgrade, Object: s.in(fmt.Sprintf("column %s of table %s", c.Name, c.Table)),
			Reason: "It may be null although it may not be in the parent, and so pg_upgrade refuses.",
			Fix:    fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL;", c.Table, c.Name),
		}
	})
}
