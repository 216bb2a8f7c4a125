package switchover

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
)

// drain returns when To has everything that From committed. A marker is the last write of its database; what the other side shows of
// it cannot be a stale figure, as positions reported by walsenders can.
func (s *Switchover) drain(ctx context.Context, ends *sessions, attempt *Attempt) error {
	if err := ends.from.QueryRow(ctx, `SELECT pg_current_wal_flush_lsn()::text`, pgx.QueryExecModeSimpleProtocol).Scan(&attempt.DrainLSN); err != nil {
		return fmt.Errorf("read the flush LSN of %s: %w", s.From.Server.Name, err)
	}
	var slowest atomic.Pointer[string]
	defer func() {
		if name := slowest.Load(); name != nil {
			attempt.waitedFor("drain", fmt.Sprintf("a marker in each of %d databases, the last in %q", len(ends.databases), *name))
		}
	}()
	return ends.each(func(d *database) error {
		if err := d.drain(ctx); err != nil {
			return fmt.Errorf("database %q: %w", d.Name, err)
		}
		slowest.Store(&d.Name)
		return nil
	})
}

// drain sends a marker through the database's replication and waits for it. Meanwhile it looks whether the schema is still the one that
// the guardrails compared.
func (d *database) drain(ctx context.Context) error {
	marker, err := postgres.WriteMarker(ctx, d.from)
	if err != nil {
		return err
	}
	var both errgroup.Group
	both.Go(func() error { return postgres.AwaitMarker(ctx, d.to, marker) })
	both.Go(func() error {
		changed, err := d.shape.changed(ctx, d.from)
		if changed {
			err = fault.WithHint(errors.New("its schema changed since the guardrails compared it"),
				"Run the same command again: its guardrails name what differs.")
		}
		return err
	})
	return both.Wait()
}

// carrySequences makes To's sequences stand where From's do. Most do since the last time; only those that do not are set. To's own are read for
// that: replication moves them too, since TRUNCATE ... RESTART IDENTITY restarts them there.
func (s *Switchover) carrySequences(ctx context.Context, ends *sessions, attempt *Attempt) error {
	var set atomic.Int64
	err := ends.each(func(d *database) error {
		var wanted, standing []postgres.Sequence
		var both errgroup.Group
		both.Go(func() (err error) { wanted, err = d.sequences.Read(ctx); return err })
		both.Go(func() (err error) { standing, err = d.standing.Read(ctx); return err })
		err := both.Wait()
		if err == nil {
			changed := postgres.ChangedSequences(standing, wanted)
			set.Add(int64(len(changed)))
			err = postgres.SetSequences(ctx, d.to, changed)
		}
		if err != nil {
			return fmt.Errorf("database %q: %w", d.Name, err)
		}
		return nil
	})
	attempt.Sequences = int(set.Load())
	attempt.waitedFor("sequences", fmt.Sprintf("%d that had moved", attempt.Sequences))
	return err
}
