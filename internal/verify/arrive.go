package verify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
)

// How often to look for the apply worker at the barrier, and how often to look whether it lives.
const (
	shortestLook = time.Millisecond
	longestLook  = 10 * time.Millisecond
	healthLook   = 250 * time.Millisecond
)

// arrive waits until To's apply worker stands at barrier id. It waits as long as the worker lives and ctx allows, since there may
// be much to apply before. It returns when the worker was last seen not to be there, as far as known absent.
func (r *run) arrive(ctx context.Context, s *sessions, id int64, absent time.Time) (time.Time, error) {
	to := s.readers[1]
	health := health{worker: -1}
	looked, look := time.Now(), shortestLook
	for {
		before := time.Now()
		pid, leader, err := waiter(ctx, to, id)
		switch {
		case err != nil:
			return absent, fmt.Errorf("wait for the apply worker on %s: look for it at the barrier: %w", r.To.Name, err)
		case leader:
			return absent, nil
		case pid != 0:
			return absent, &lockError{cause: errOutOfTurn}
		}
		absent = before
		if time.Since(looked) > healthLook {
			looked = time.Now()
			if err := r.examine(ctx, s, &health); err != nil {
				return absent, err
			}
		}
		if err := pause(ctx, look); err != nil {
			return absent, fmt.Errorf("wait for the apply worker on %s: %w", r.To.Name, err)
		}
		look = min(longestLook, look*5/4)
	}
}

// health is what is known of an apply worker.
type health struct {
	worker int32     // its process when last looked at, 0 for none, -1 before the first look
	steady time.Time // when it was last seen to be the same process as before
	errors int64     // apply errors counted at the first look
	said   time.Time // when progress was last reported
}

// examine looks whether the apply worker lives. A worker that fails is started again and again by the server, for
// a moment each time, so what counts is that the same process is seen twice.
func (r *run) examine(ctx context.Context, s *sessions, h *health) error {
	a, err := appliers(ctx, s.readers[1], s.toMajor)
	if err != nil {
		return fmt.Errorf("wait for the apply worker on %s: look after it: %w", r.To.Name, err)
	}
	if !a.enabled {
		return fault.New(fault.Failed,
			fmt.Errorf("subscription %q on %s is disabled, so database %q does not follow", a.subscription, r.To.Name, s.database.Name),
			"See the server log of "+r.To.Name+" for why; then ALTER SUBSCRIPTION ... ENABLE.")
	}
	now := time.Now()
	if h.worker < 0 {
		h.errors, h.steady = a.errors, now
	} else if a.pid != 0 && a.pid == h.worker {
		h.steady = now
	}
	h.worker = a.pid
	if gone := now.Sub(h.steady); gone > r.Patience || a.errors-h.errors >= 3 {
		return fault.New(fault.Failed,
			fmt.Errorf("the apply worker of subscription %q in database %q of %s does not run: none stayed for %s, %s",
				a.subscription, s.database.Name, r.To.Name, gone.Round(time.Millisecond), a.failures),
			"PostgreSQL writes its last error to the server log of "+r.To.Name+" only: look for \"logical replication apply worker\".")
	}
	if now.Sub(h.said) > time.Second {
		h.said = now
		r.step.Now(fmt.Sprintf("waiting for %s to apply what lies before the barrier in database %s%s",
			r.To.Name, s.database.Name, a.waits))
	}
	return nil
}

// applier is the state of the subscription through which barrier rows come.
type applier struct {
	subscription string
	enabled      bool
	pid          int32  // of the leader apply worker; 0 where none runs
	errors       int64  // since the statistics were reset; 0 before 15, which does not count them
	failures     string // for people
	waits        string // for people: what it waits for, if that is a lock
}

// appliers returns the state of the one subscription that carries pgteal.barrier.
func appliers(ctx context.Context, conn *pgx.Conn, major int) (applier, error) {
	counts := "NULL::jsonb"
	if major >= 15 {
		counts = "(SELECT to_jsonb(c) FROM pg_stat_subscription_stats c WHERE c.subid = s.oid)"
	}
	rows, _ := conn.Query(ctx, `
		SELECT s.subname, s.subenabled, coalesce(w.pid, 0), coalesce((counts.of ->> 'apply_error_count')::bigint, 0),
			coalesce((SELECT string_agg(key || ' ' || value, ', ') FROM jsonb_each_text(counts.of)
				WHERE key ~ '_count$|^confl_' AND value <> '0'), 'no errors counted'),
			coalesce(', which waits for process ' || nullif(array_to_string(pg_blocking_pids(w.pid), ', '), ''), '')
		FROM pg_subscription s
		JOIN pg_subscription_rel r ON r.srsubid = s.oid AND r.srrelid = 'pgteal.barrier'::regclass
		LEFT JOIN pg_stat_subscription w ON w.subid = s.oid AND w.relid IS NULL AND to_jsonb(w) ->> 'leader_pid' IS NULL
		CROSS JOIN LATERAL (SELECT `+counts+`) counts(of)`)
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a applier, err error) {
		return a, row.Scan(&a.subscription, &a.enabled, &a.pid, &a.errors, &a.failures, &a.waits)
	})
	if err != nil {
		return applier{}, err
	}
	if len(found) != 1 {
		names := make([]string, len(found))
		for i, a := range found {
			names[i] = a.subscription
		}
		return applier{}, fmt.Errorf("table pgteal.barrier is carried by %d subscriptions (%s), wanted one",
			len(found), strings.Join(names, ", "))
	}
	return found[0], nil
}
