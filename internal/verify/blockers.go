package verify

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
)

// again deals with a group whose writers could not be held: it is tried later, split so that one table does not hold up the others,
// and a table for which the patience is used up is left out. Any other error is returned.
func (r *run) again(ctx context.Context, s *sessions, g *group, err error) error {
	refused := (*lockError)(nil)
	if !errors.As(err, &refused) {
		return err
	}
	if g.since.IsZero() {
		g.since = time.Now()
	}
	g.attempts++
	held, err := s.blockers(ctx, g.tables)
	if err != nil {
		return err
	}
	if len(g.tables) > 1 {
		for _, part := range split(g, held, isPassing(refused), r.MaxBlock) {
			part.ready = time.Now().Add(r.backoff(part.attempts))
			r.queue.put(part)
		}
		return nil
	}
	if isPassing(refused) && (g.attempts < 3 || time.Since(g.since) < r.Patience) {
		g.ready = time.Now().Add(r.backoff(g.attempts))
		r.queue.put(g)
		return nil
	}
	reason := fmt.Sprintf("its writers could not be held in %d attempts over %s: %v",
		g.attempts, time.Since(g.since).Round(time.Millisecond), refused.cause)
	if by := held[0].by; len(by) > 0 {
		reason += "; it is locked by " + strings.Join(by, " and by ")
	}
	r.unreadable(g.database, g.tables[0], reason)
	r.advance(g.tables[0])
	return nil
}

// isPassing tells whether another attempt may succeed: not when the server refuses the lock, to a role without the
// privilege for one, or because the table is gone.
func isPassing(refused *lockError) bool {
	switch state := postgres.SQLState(refused); {
	case state == "57014", state == "55P03": // query_canceled by the timeout, lock_not_available
		return true
	case strings.HasPrefix(state, "42"): // insufficient_privilege, undefined_table, wrong_object_type
		return false
	}
	return true
}

// split makes parts of a group: each table that somebody has kept locked for longer than an attempt may take on its own, and the
// rest together, or in halves where that has failed before or nobody in particular is in the way.
func split(g *group, held []holders, passing bool, limit time.Duration) []*group {
	var parts []*group
	var rest []table
	for i, t := range g.tables {
		if held[i].longest > limit {
			parts = append(parts, g.part([]table{t}))
		} else {
			rest = append(rest, t)
		}
	}
	if len(rest) == 0 {
		return parts
	}
	if len(rest) > 1 && (!passing || (len(parts) == 0 && g.attempts >= 2)) {
		half := len(rest) / 2
		return append(parts, g.part(rest[:half]), g.part(rest[half:]))
	}
	together := g.part(rest)
	together.attempts = g.attempts
	return append(parts, together)
}

// backoff leaves writers alone for several times as long as an attempt held them, and longer with every attempt. Chance keeps
// attempts from falling into step with a writer.
func (r *run) backoff(attempts int) time.Duration {
	return time.Duration(float64(r.MaxBlock*time.Duration(2<<min(attempts, 4))) * (0.5 + rand.Float64())) //nolint:gosec // not a secret
}

// holders are the transactions that keep others from locking a table in SHARE mode.
type holders struct {
	by      []string      // for people
	longest time.Duration // how long the oldest of them has been open
}

// blockers returns who keeps each table from being locked. A worker of autovacuum is asked to let go, as the server itself would
// have it do after deadlock_timeout, which is far longer than an attempt; not so one that prevents wraparound.
func (s *sessions) blockers(ctx context.Context, tables []table) ([]holders, error) {
	rows, _ := s.readers[0].Query(ctx, `
		SELECT u.n - 1, coalesce(l.pid, 0), coalesce(a.usename, ''), coalesce(a.application_name, ''),
			coalesce(a.backend_type, ''), coalesce(a.state, ''),
			coalesce(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared)), 0)::float8,
			coalesce(to_char(a.query_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"'), ''), coalesce(p.gid, ''),
			a.backend_type = 'autovacuum worker' AND a.query NOT LIKE '%(to prevent wraparound)'
		FROM unnest(`+nameArray(tables)+`) WITH ORDINALITY u(name, n)
		JOIN pg_locks l ON l.relation = to_regclass(u.name) AND l.locktype = 'relation' AND l.granted
			AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
		LEFT JOIN pg_stat_activity a ON a.pid = l.pid
		LEFT JOIN pg_locks x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid' AND x.granted
			AND x.virtualtransaction = l.virtualtransaction -- what a prepared transaction is known by
		LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
		WHERE l.mode IN ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
		ORDER BY 7 DESC`, pgx.QueryExecModeExec)
	held := make([]holders, len(tables))
	var vacuums []int32
	var n int
	var pid int32
	var user, application, backend, state, query, gid string
	var age float64
	var vacuum *bool
	_, err := pgx.ForEachRow(rows, []any{&n, &pid, &user, &application, &backend, &state, &age, &query, &gid, &vacuum}, func() error {
		open := time.Duration(age * float64(time.Second))
		held[n].longest = max(held[n].longest, open)
		if vacuum != nil && *vacuum {
			vacuums = append(vacuums, pid)
		}
		if gid != "" {
			held[n].by = append(held[n].by, fmt.Sprintf("the prepared transaction %q, %s old", gid, open.Round(time.Second)))
			return nil
		}
		held[n].by = append(held[n].by, fmt.Sprintf(
			"process %d (%s, user %q, application %q, %s, transaction open for %s, last statement begun at %s)",
			pid, backend, user, application, state, open.Round(time.Millisecond), query))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ask %s who holds locks: %w", s.side(0), err)
	}
	for _, pid := range vacuums {
		// A role that may not do this waits instead, so a refusal changes nothing.
		_, _ = s.readers[0].Exec(ctx, "SELECT pg_cancel_backend($1)", pid)
	}
	return held, nil
}
