package check

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
)

const dataTypesWhy = `pg_upgrade refuses stored columns of types whose values would mean something else, or nothing, in the new
version: most reg* types and row types of the system's own tables (they hold OIDs that are not kept), sql_identifier, abstime,
reltime and tinterval from before 12, aclitem from before 16 (data_types_usage_checks in src/bin/pg_upgrade/check.c). Domains,
arrays, ranges and composite types over them count too.`

// dataTypesSQL finds what the query of check_for_data_types_usage in src/bin/pg_upgrade/check.c finds, for all types at once. That one looks at what is
// made of a type; this one at what the few types in use are made of, which is faster by far.
const dataTypesSQL = `
WITH RECURSIVE stored AS (
	SELECT c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS relation, a.attname, a.atttypid
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE c.relkind IN ('r', 'm', 'i') AND n.nspname !~ '^pg_(toast_)?temp_' AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
),
parts(root, oid) AS (
	SELECT DISTINCT atttypid, atttypid FROM stored
	UNION
	SELECT p.root, inner_type.oid FROM parts p JOIN pg_type t ON t.oid = p.oid CROSS JOIN LATERAL (
		SELECT t.typbasetype WHERE t.typtype = 'd'
		UNION ALL SELECT t.typelem WHERE t.typtype = 'b' AND t.typelem <> 0
		UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
		UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE t.typtype = 'r' AND r.rngtypid = t.oid
	) inner_type(oid)
),
bad AS (
	SELECT p.root, t.oid, t.typtype FROM parts p JOIN pg_type t ON t.oid = p.oid JOIN pg_namespace n ON n.oid = t.typnamespace
	WHERE n.nspname = 'pg_catalog' AND t.typname = ANY ($1) OR n.nspname = 'information_schema' AND t.typname = 'sql_identifier' AND $2
		OR t.typtype = 'c' AND (t.oid < 16384 OR n.nspname = 'information_schema')
)
SELECT s.relation, quote_ident(s.attname), s.relkind::text, min(format_type(b.oid, NULL)), bool_or(b.root = b.oid AND b.typtype = 'b')
FROM stored s JOIN bad b ON b.root = s.atttypid GROUP BY s.oid, s.relation, s.attname, s.relkind`

func dataTypes(ctx context.Context, s *Session) ([]finding.Finding, error) {
	types := []string{"regcollation", "regconfig", "regdictionary", "regnamespace", "regoper", "regoperator", "regproc", "regprocedure"}
	if s.Major < 16 && s.To >= 16 {
		types = append(types, "aclitem")
	}
	if s.Major < 12 {
		types = append(types, "abstime", "reltime", "tinterval")
	}
	type column struct {
		Relation, Name, Kind, Type string
		Direct                     bool // it is of the type itself
	}
	return find(ctx, s, dataTypesSQL, []any{types, s.Major < 12}, func(c column) finding.Finding {
		f := finding.Finding{
			Blocks: finding.Upgrade, Object: s.in(fmt.Sprintf("column %s of %s %s", c.Name, kinds[c.Kind], c.Relation)),
			Reason: fmt.Sprintf("It stores values of type %s, which mean nothing in the new version, and so pg_upgrade refuses.", c.Type),
		}
		to, known := map[string]string{"abstime": "timestamptz", "reltime": "interval", "tinterval": ""}[c.Type]
		if !known {
			to = "text"
		}
		switch {
		case c.Kind == "i":
			f.Fix = "DROP INDEX " + c.Relation + ";"
		case c.Kind == "m":
			f.Fix = "DROP MATERIALIZED VIEW " + c.Relation + ";"
		case c.Direct && to != "":
			f.Fix = fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s;", c.Relation, c.Name, to)
		default:
			f.Fix = fmt.Sprintf("Give the column a type without %s in it, or ALTER TABLE %s DROP COLUMN %s;", c.Type, c.Relation, c.Name)
		}
		return f
	})
}

var kinds = map[string]string{"r": "table", "m": "materialized view", "i": "index"}
