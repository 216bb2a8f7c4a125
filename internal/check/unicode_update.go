package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
)

const unicodeWhy = `Each major has its own version of Unicode for the provider builtin (17 and later) and for normalize(). Where an index, a CHECK constraint
or a partition key is computed from upper and lower case, from regular expressions or from normal forms of such text, a few characters that Unicode
has added since may count otherwise on green, and what was computed on blue is not computed anew (check_for_unicode_update in
src/bin/pg_upgrade/check.c).`

// unicodeSQL looks into stored expressions, where pg_node_tree shows functions and operators by their oid and the collation that they are used with.
const unicodeSQL = `
WITH builtin(oid) AS (
	SELECT oid FROM pg_collation WHERE collprovider = 'b' AND colllocale <> 'C'
	UNION ALL SELECT 100 FROM pg_database WHERE datname = current_database() AND datlocprovider = 'b' AND datlocale <> 'C'
),
letters AS ( -- what tells letters and their case by the collation
	SELECT ' :funcid ' || p.oid AS call FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace
		AND p.proname IN ('lower', 'upper', 'initcap', 'casefold', 'regexp_replace', 'regexp_match', 'regexp_like', 'regexp_substr')
	UNION ALL
	SELECT ' :opno ' || o.oid FROM pg_operator o WHERE o.oprnamespace = 'pg_catalog'::regnamespace
		AND o.oprname IN ('~', '!~', '~*', '!~*', '~~*', '!~~*') AND o.oprright = 'text'::regtype
),
forms AS (
	SELECT ' :funcid ' || p.oid || ' ' AS call FROM pg_proc p
	WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname IN ('normalize', 'is_normalized')
),
patterns AS ( -- the first is cheap and finds too much
	SELECT (SELECT array_agg('% :inputcollid ' || oid || ' %') FROM builtin) AS collations, (SELECT array_agg('%' || call || '%') FROM forms) AS forms,
		(SELECT '(' || string_agg(call, '|') || ') [^{}]*:inputcollid ' FROM letters)
			|| (SELECT '(' || string_agg(oid::text, '|') || ') ' FROM builtin) AS letters
),
expressions AS (
	SELECT 'i' AS kind, indexrelid AS oid, concat(indexprs::text, indpred::text) AS tree FROM pg_index
	WHERE indexrelid >= 16384 AND (indexprs IS NOT NULL OR indpred IS NOT NULL)
	UNION ALL
	SELECT 'c', oid, conbin::text FROM pg_constraint WHERE oid >= 16384 AND contype = 'c' AND conrelid <> 0 AND conbin IS NOT NULL
	UNION ALL
	SELECT 'p', partrelid, partexprs::text FROM pg_partitioned_table WHERE partexprs IS NOT NULL
),
dependent AS (
	SELECT e.kind, e.oid FROM expressions e CROSS JOIN patterns p
WHERE e.tree LIKE ANY (p.forms) OR CASE WHEN e.tree LIKE ANY (p.collations) THEN e.tree ~ p.letters END
)
SELECT format('index %s', oid::regclass), format('REINDEX INDEX %s;', oid::regclass) FROM dependent WHERE kind = 'i'
UNION ALL
SELECT format('constraint %I of table %s', k.conname, k.conrelid::regclass),
	format('Look for rows of %s that do not meet %s, and mend them', k.conrelid::regclass, pg_get_constraintdef(k.oid))
FROM dependent JOIN pg_constraint k USING (oid) WHERE kind = 'c'
UNION ALL
SELECT format('partition key of %s', oid::regclass), format('Move the rows of %s that are in the wrong partition', oid::regclass)
FROM dependent WHERE kind = 'p'`

func unicodeUpdate(ctx context.Context, s *Session) ([]finding.Finding, error) {
	if s.Major < 17 || s.To <= s.Major { // before 17 there is no provider builtin
		return nil, nil
	}
	type dependent struct{ Place, Fix string }
	return find(ctx, s, unicodeSQL, nil, func(d dependent) finding.Finding {
		return finding.Finding{
			Blocks: finding.Nothing, Object: s.in(d.Place),
			Reason: "It depends on PostgreSQL's own version of Unicode, which is newer on green: where text has characters that Unicode added since, it may " +
				"be wrong there.",
			Fix: d.Fix + " on green, right after the switchover.",
		}
	})
}
