package upgrade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

const (
	// caughtUp is the time in which a marker has to come across for its database to count as caught up.
	caughtUp = time.Second
	// workerPatience is how long a subscription may be without its worker: the server restarts one that failed every 5 seconds
	// (wal_retrieve_retry_interval).
	workerPatience = 30 * time.Second
	lookEvery      = 250 * time.Millisecond
)

// Lag is how far the follower is behind in one database: green behind blue, or after the switchover blue behind green.
type Lag struct {
	Database string   `json:"database"`
	Bytes    int64    `json:"bytes"`             // of WAL that the follower has not confirmed; an idle database confirms every few seconds only
	Seconds  *float64 `json:"seconds,omitempty"` // between a commit and the follower's confirmation of it, as last seen; nil where that is not known
	State    string   `json:"state"`             // wal_status of the slot

	Rate float64 `json:"rate"`                   // bytes a second by which it shrinks; negative where it grows
	Left float64 `json:"left_seconds,omitempty"` // until nothing is left at that rate; 0 where that cannot be told
}

// catchUp waits until green has everything, and proves it in every database by a marker that came across fast.
// The bytes are for people: what an idle slot confirms is old, and what walsenders report is wrong for a while after a restart.
func (u *Upgrade) catchUp(ctx context.Context, step *progress.Step) error {
	if err := u.meetGreen(ctx, step); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	watch, done := context.WithCancel(ctx)
	var databases errgroup.Group
	databases.SetLimit(8)
	group.Go(func() error { return u.watchReplication(watch, step) })
	for _, d := range u.state.Databases {
		databases.Go(func() error { return u.catchUpDatabase(ctx, d, step) })
	}
	group.Go(func() error {
		defer done()
		return databases.Wait()
	})
	return group.Wait()
}

func (u *Upgrade) catchUpDatabase(ctx context.Context, d postgres.Database, step *progress.Step) error {
	return u.blue().In(ctx, d.Name, func(blue *pgx.Conn) error {
		return u.green.In(ctx, d.Name, func(green *pgx.Conn) error {
			for {
				begun := time.Now()
				marker, err := postgres.WriteMarker(ctx, blue)
				if err != nil {
					return err
				}
				if err := postgres.AwaitMarker(ctx, green, marker); err != nil {
					return err
				}
				if took := time.Since(begun); took < caughtUp {
					step.Say(fmt.Sprintf("database %q: a marker came across in %s", d.Name, took.Round(100*time.Microsecond)))
					return nil
				}
			}
		})
	})
}

// watchReplication reports the lag until ctx ends, and fails when a subscription stays without a worker: it then waits for a person.
func (u *Upgrade) watchReplication(ctx context.Context, step *progress.Step) error {
	var worst int64
	seen := time.Now()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		lags, running, err := u.replication(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil // told to stop in the middle of a look
			}
			return err
		}
		var total int64
		for _, lag := range lags {
			total += lag.Bytes
		}
		worst = max(worst, total)
		step.Count(worst-total, worst, "bytes of WAL to catch up")
		if running {
			seen = time.Now()
		}
		if time.Since(seen) > workerPatience {
			return u.stalled()
		}
	}
}

// replication reads the lags, and whether every subscription has its worker.
func (u *Upgrade) replication(ctx context.Context) (lags []Lag, running bool, err error) {
	if lags, err = u.lags(ctx); err != nil {
		return nil, false, err
	}
	database, err := u.green.MaintenanceDatabase(ctx)
	if err != nil {
		return nil, false, err
	}
	var workers int
	err = u.green.In(ctx, database, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT count(DISTINCT subid) FROM pg_stat_subscription WHERE subname = ANY ($1) AND pid IS NOT NULL AND relid IS NULL`,
			u.slotNames()).Scan(&workers)
	})
	return lags, workers == len(u.state.Databases), err
}

// rateOver is the time over which a rate is measured.
const rateOver = 500 * time.Millisecond

// lagsWithRate looks twice, to tell how fast the lags shrink.
func (u *Upgrade) lagsWithRate(ctx context.Context) ([]Lag, error) {
	before, err := u.lags(ctx)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	select {
	case <-ctx.Done():
		return before, ctx.Err()
	case <-time.After(rateOver):
	}
	now, err := u.lags(ctx)
	for i := range now {
		if i < len(before) && before[i].Database == now[i].Database {
			now[i].Rate = float64(before[i].Bytes-now[i].Bytes) / time.Since(begun).Seconds()
		}
		if now[i].Rate > 0 {
			now[i].Left = float64(now[i].Bytes) / now[i].Rate
		}
	}
	return now, err
}

// senderBehind is how many bytes of WAL a walsender that keeps up may have yet to send. The server measures its lag from the sending on: of one that is
// itself behind it says little.
const senderBehind = 1 << 20

func (u *Upgrade) lags(ctx context.Context) (lags []Lag, err error) {
	err = on(ctx, u.cluster(u.state.Publisher), func(conn *pgx.Conn) error {
		rows, _ := conn.Query(ctx, `SELECT database, greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn), 0)::bigint,
			CASE WHEN pg_wal_lsn_diff(pg_current_wal_lsn(), sent_lsn) < $2 THEN coalesce(extract(epoch FROM replay_lag), 0)::float8 END,
			coalesce(to_jsonb(s)->>'wal_status', '')
			FROM pg_replication_slots s LEFT JOIN pg_stat_replication r ON r.pid = active_pid WHERE slot_name = ANY ($1) ORDER BY 1`,
			u.slotNames(), senderBehind)
		lags, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Lag, err error) {
			return l, row.Scan(&l.Database, &l.Bytes, &l.Seconds, &l.State)
		})
		return err
	})
	return lags, err
}

// stalled says why replication does not go on, as far as green's log tells.
func (u *Upgrade) stalled() error {
	err := fmt.Errorf("a subscription on green has been without its worker for %s", workerPatience)
	if log := u.provider.Explain(); log != "" {
		err = errors.Join(err, errors.New(log))
	}
	return fault.New(fault.Failed, err, "Mend what green's log names: replication then goes on by itself. Then run the same command again.")
}

func (u *Upgrade) slotNames() (names []string) {
	for _, d := range u.state.Databases {
		names = append(names, postgres.SlotName(d.OID))
	}
	return names
}
