package check

import (
	"context"
	"fmt"
	"strconv"

	"github.com/pgteal/pgteal/internal/finding"
)

const largeObjectsWhy = `Logical replication does not carry large objects. Green has them as they were when blue was cloned; what
is written to them afterwards stays on blue (https://www.postgresql.org/docs/current/logical-replication-restrictions.html).`

// largeObjectsCounted is where counting stops: beyond it only their being many matters.
const largeObjectsCounted = 100_000

func largeObjects(ctx context.Context, s *Session) ([]finding.Finding, error) {
	count, err := one[int](ctx, s, `SELECT count(*) FROM (SELECT FROM pg_largeobject_metadata LIMIT $1) counted`, largeObjectsCounted+1)
	if err != nil || count == 0 {
		return nil, err
	}
	size, err := one[int64](ctx, s, `SELECT pg_relation_size('pg_catalog.pg_largeobject')`)
	if err != nil {
		return nil, err
	}
	many := strconv.Itoa(count)
	if count > largeObjectsCounted {
		many = fmt.Sprintf("more than %d", largeObjectsCounted)
	}
	return []finding.Finding{{
		Blocks: finding.Switchover, Object: s.in("large objects"),
		Reason: fmt.Sprintf("There are %s, %s on disk. Those that are created, written or removed after blue was cloned do not reach green.",
			many, bytes(size)),
		Fix: "Move their content into a bytea column (SELECT oid, lo_get(oid) FROM pg_largeobject_metadata; lists it) and lo_unlink " +
			"them; " +
			"vacuumlo removes those that no table refers to.",
	}}, nil
}
