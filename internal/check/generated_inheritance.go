package check

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
)

const generatedInheritanceWhy = `From PostgreSQL 16 on, a child table or partition cannot have a generated column where its parent's is an ordinary
one (MergeChildAttribute in src/backend/commands/tablecmds.c). Older versions take it, and pg_upgrade does not look: it fails when it makes the child.`

func generatedInheritance(ctx context.Context, s *Session) ([]finding.Finding, error) {
	if s.Major < 12 || s.Major >= 16 || s.To < 16 {
		return nil, nil
	}
	const sql = `SELECT format('%I.%I', n.nspname, c.relname), format('%I.%I', pn.nspname, p.relname), quote_ident(a.attname),
			coalesce(pg_get_expr(c.relpartbound, c.oid), '')
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped
		JOIN pg_attribute pa ON pa.attrelid = p.oid AND pa.attname = a.attname AND pa.attgenerated = '' AND NOT pa.attisdropped
		WHERE c.relkind <> 'I'`
	type column struct{ Child, Parent, Name, Bound string }
	return find(ctx, s, sql, nil, func(c column) finding.Finding {
		leave, join := fmt.Sprintf("ALTER TABLE %s NO INHERIT %s;", c.Child, c.Parent), fmt.Sprintf("ALTER TABLE %s INHERIT %s;", c.Child, c.Parent)
		if c.Bound != "" {
			leave = fmt.Sprintf("ALTER TABLE %s DETACH PARTITION %s;", c.Parent, c.Child)
			join = fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s %s;", c.Parent, c.Child, c.Bound)
		}
		return finding.Finding{
			Blocks: finding.Upgrade, Object: s.in(fmt.Sprintf("column %s of table %s", c.Name, c.Child)),
			Reason: "It is generated, and not so in the parent " + c.Parent + ": pg_upgrade fails. Values stay, and are no longer computed.",
			Fix:    fmt.Sprintf("%s ALTER TABLE %s ALTER COLUMN %s DROP EXPRESSION; %s", leave, c.Child, c.Name, join),
		}
	})
}
