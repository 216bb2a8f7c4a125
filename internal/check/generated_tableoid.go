package check

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
)

const generatedTableoidWhy = `Apply computes generated columns without knowing the row's tableoid, which is then 0 (ExecSimpleRelationInsert in
src/backend/executor/execReplication.c does not set it, ExecInsert does). A stored column that is computed from it gets another value on green.`

// generatedTableoidSQL looks for the system column in the expression as the server keeps it: -6 is TableOidAttributeNumber.
const generatedTableoidSQL = `SELECT format('%I.%I', n.nspname, c.relname), quote_ident(a.attname)
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attgenerated = 's' AND NOT a.attisdropped
	JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum AND d.adbin::text LIKE '%:varattno -6 %'
	WHERE ` + published

func generatedTableoid(ctx context.Context, s *Session) ([]finding.Finding, error) {
	if s.Major < 12 { // which brought generated columns
		return nil, nil
	}
	type column struct{ Table, Name string }
	return find(ctx, s, generatedTableoidSQL, nil, func(c column) finding.Finding {
		return finding.Finding{
			Blocks: finding.Upgrade, Object: s.in(fmt.Sprintf("column %s of table %s", c.Name, c.Table)),
			Reason: "It is computed from tableoid, which apply does not know: green would hold other values in rows that change after the clone.",
			Fix:    fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP EXPRESSION;", c.Table, c.Name),
		}
	})
}
