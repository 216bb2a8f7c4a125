package switchover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// everythingIsPublished looks for tables that were made after the others were published. Nothing of them is replicated.
func (s *Switchover) everythingIsPublished(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	for _, d := range ends.databases {
		tables, err := postgres.UnpublishedTables(ctx, d.from)
		if err != nil {
			return nil, fmt.Errorf("database %q: %w", d.Name, err)
		}
		for _, table := range tables {
			findings = append(findings, guard(fmt.Sprintf("table %s in database %q", table, d.Name),
				"It was made after the other tables were published: its rows are not replicated.",
				"Drop it, or: "+s.startOver())...)
		}
	}
	return findings, nil
}

// workerPatience is how long a subscription may be without its worker: a launcher starts one that has just been enabled, or has failed,
// after wal_retrieve_retry_interval, 5 seconds by default.
const workerPatience = 12 * time.Second

// subscriptionsRun looks at the subscription of every database.
func (s *Switchover) subscriptionsRun(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	deadline := time.Now().Add(workerPatience)
	for _, d := range ends.databases {
		found, err := s.subscriptionRuns(ctx, d, deadline)
		if err != nil {
			return nil, fmt.Errorf("look at the subscription of database %q: %w", d.Name, err)
		}
		findings = append(findings, found...)
	}
	return findings, nil
}

// subscriptionRuns waits until the subscription has its worker.
func (s *Switchover) subscriptionRuns(ctx context.Context, d *database, deadline time.Time) ([]finding.Finding, error) {
	name := postgres.SlotName(d.OID)
	object := fmt.Sprintf("subscription %q in database %q on %s", name, d.Name, s.To.Server.Name)
	for {
		var enabled, running bool
		err := d.to.QueryRow(ctx, `SELECT s.subenabled, w.pid IS NOT NULL AND w.last_msg_receipt_time IS NOT NULL FROM pg_subscription s
			LEFT JOIN pg_stat_subscription w ON w.subid = s.oid AND w.relid IS NULL
			WHERE s.subname = $1 ORDER BY 2 DESC LIMIT 1`, name).Scan(&enabled, &running)
		if errors.Is(err, pgx.ErrNoRows) {
			return guard(object, "Somebody dropped it.", s.startOver()), nil
		}
		if err != nil || enabled && running {
			return nil, err
		}
		if !enabled || time.Now().After(deadline) {
			return s.stands(ctx, d, object, enabled)
		}
		if err := sleep(ctx, lookAtWorkers); err != nil {
			return nil, err
		}
	}
}

// stands says why a subscription does not run, as far as To can tell, and what mends it.
func (s *Switchover) stands(ctx context.Context, d *database, object string, enabled bool) ([]finding.Finding, error) {
	if !enabled {
		return guard(object, "It is disabled."+s.said(ctx, d),
			fmt.Sprintf("On %s, in database %q: %s;", s.To.Server.Name, d.Name, postgres.Subscription{Name: postgres.SlotName(d.OID)}.EnableSQL())), nil
	}
	failed, err := d.applyErrors(ctx)
	if err != nil {
		return nil, err
	}
	reason := "It is enabled and has no worker."
	if failed > 0 {
		reason = fmt.Sprintf("It is enabled and has no worker: it has failed %d times.", failed)
	}
	return guard(object, reason+s.said(ctx, d),
		"Mend what the server log of "+s.To.Server.Name+" names: replication then goes on by itself."), nil
}

// applyErrors returns how often applying the database's changes has failed, 0 where To is older than 15 and does not count that
// (https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-SUBSCRIPTION-STATS).
func (d *database) applyErrors(ctx context.Context) (failed int64, err error) {
	major, err := postgres.Major(ctx, d.to)
	if err != nil || major < 15 {
		return 0, err
	}
	err = d.to.QueryRow(ctx, `SELECT coalesce(sum(apply_error_count), 0)::bigint FROM pg_stat_subscription_stats WHERE subname = $1`,
		postgres.SlotName(d.OID)).Scan(&failed)
	return failed, err
}

// lookAtWorkers is how often a worker that is awaited is looked for.
const lookAtWorkers = 50 * time.Millisecond

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
