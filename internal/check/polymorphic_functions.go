package check

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
)

const polymorphicFunctionsWhy = `PostgreSQL 14 changed the arguments of array_append and its kin from anyarray to
anycompatiblearray. Aggregates and operators made over the old ones have to be made anew (check_for_incompatible_polymorphics in
src/bin/pg_upgrade/check.c).`

// polymorphicFunctionsSQL is the query of pg_upgrade, with its two halves on aggregates in one.
const polymorphicFunctionsSQL = `
WITH old AS (SELECT ARRAY['array_append(anyarray,anyelement)', 'array_cat(anyarray,anyarray)', 'array_prepend(anyelement,anyarray)',
	'array_remove(anyarray,anyelement)', 'array_replace(anyarray,anyelement,anyelement)', 'array_position(anyarray,anyelement)',
	'array_position(anyarray,anyelement,integer)', 'array_positions(anyarray,anyelement)', 'width_bucket(anyelement,anyarray)'
	]::regprocedure[]::oid[] AS functions)
SELECT 'aggregate', a.aggfnoid::regprocedure::text FROM pg_aggregate a, old
WHERE a.aggfnoid >= 16384 AND (a.aggtransfn = ANY (functions) OR a.aggfinalfn = ANY (functions))
	AND a.aggtranstype IN ('anyarray'::regtype, 'anyelement'::regtype)
UNION ALL
SELECT 'operator', o.oid::regoperator::text FROM pg_operator o, old
WHERE o.oid >= 16384 AND o.oprcode = ANY (functions) AND o.oprleft IN ('anyarray'::regtype, 'anyelement'::regtype)`

func polymorphicFunctions(ctx context.Context, s *Session) ([]finding.Finding, error) {
	if s.Major >= 14 || s.To < 14 {
		return nil, nil
	}
	type object struct{ Kind, Name string }
	return find(ctx, s, polymorphicFunctionsSQL, nil, func(o object) finding.Finding {
		return finding.Finding{
			Blocks: finding.Upgrade, Object: s.in(o.Kind + " " + o.Name),
			Reason: "It is made over a function whose arguments were anyarray and anyelement and have changed, and so pg_upgrade " +
				"refuses.",
			Fix: fmt.Sprintf("DROP %s %s; and create it on green with anycompatiblearray and anycompatible.", o.Kind, o.Name),
		}
	})
}
