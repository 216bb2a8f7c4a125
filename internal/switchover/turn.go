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

// The way back. Once To serves, From follows it by replication the other way, so that the same switchover with its ends swapped loses
// nothing. It is made ready before the pause and costs one position in the log within it:
//
//   - a slot on To in each database keeps what To will write, and has been decoding since before its first write;
//   - a subscription on From, still disabled, has proven that From's server reaches To;
//   - at the commitment, To's log position is written down (Attempt.TurnLSN): what replication brought lies before it, what clients write
//     behind it.
//
// Loops are impossible: a subscription is enabled only when the one of the other direction and its slot are gone.

// slotPatience bounds how long a slot may wait for transactions on To, where nobody but replication writes.
const slotPatience = 10 * time.Second

// wayBackIsReady makes the way back ready.
func (s *Switchover) wayBackIsReady(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	major, err := postgres.Major(ctx, ends.to)
	if err != nil {
		return nil, err
	}
	findings, err = s.workersSuffice(ctx, ends)
	if err != nil || len(findings) > 0 {
		return findings, err
	}
	if err := postgres.WriteSecret(ctx, ends.from); err != nil {
		return nil, fmt.Errorf("%s: %w", s.From.Server.Name, err)
	}
	err = ends.each(func(d *database) error {
		name := postgres.SlotName(d.OID)
		if err := postgres.DropSlot(ctx, d.to, name); err != nil { // one that an earlier attempt left keeps more than is needed
			return err
		}
		wait, cancel := context.WithTimeout(ctx, slotPatience)
		defer cancel()
		if _, err := d.to.Exec(wait, postgres.CreateSlotSQL, name); err != nil {
			return fmt.Errorf("create slot %q on %s: %w", name, s.To.Server.Name, err)
		}
		if err := postgres.MarkSlot(ctx, d.to, name); err != nil {
			return err
		}
		return postgres.MakeSubscription(ctx, d.from, s.following(d.Database, 0), major)
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return guard(s.From.Server.Name+" following "+s.To.Server.Name,
			fmt.Sprintf("After the switchover %s could not follow %s, so nothing would lead back: %v.", s.From.Server.Name, s.To.Server.Name, err),
			fmt.Sprintf("Let the server of %s connect to %s as role %s (address, pg_hba.conf, firewall), or give up the way back: --force way-back",
				s.From.Server.Name, s.To.Server.Name, postgres.Role)), nil
	}
	return nil, nil
}

// workersSuffice sees that From's server has room for a subscription in each database, beside what others use of it.
func (s *Switchover) workersSuffice(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	major, err := s.major(ctx, s.From.Server)
	if err != nil {
		return nil, err
	}
	needed := len(ends.databases)
	for _, places := range []struct {
		setting, used string
		needed        int
	}{
		{"max_logical_replication_workers", postgres.ApplyWorkersUsed, needed},
		{"max_worker_processes", postgres.WorkerProcessesUsed, needed + 1}, // their launcher is one itself
		{postgres.OriginsSetting(major), postgres.OriginsUsed(!postgres.InCloud(ends.from)), needed},
	} {
		var limit, used int
		if err := ends.from.QueryRow(ctx, `SELECT current_setting($1)::int, (`+places.used+`)`, places.setting).Scan(&limit, &used); err != nil {
			return nil, fmt.Errorf("read %s of %s: %w", places.setting, s.From.Server.Name, err)
		}
		if limit-used < places.needed {
			findings = append(findings, guard(places.setting+" on "+s.From.Server.Name,
				fmt.Sprintf("It is %d, of which others use %d. To follow %s in %d databases it takes %d.",
					limit, used, s.To.Server.Name, needed, places.needed),
				fmt.Sprintf("ALTER SYSTEM SET %s = %d; and restart %s when that suits you; or give up the way back: --force way-back",
					places.setting, used+places.needed, s.From.Server.Name))...)
		}
	}
	return findings, nil
}

// following is the subscription by which From follows To.
func (s *Switchover) following(d postgres.Database, start postgres.LSN) postgres.Subscription {
	return postgres.Subscription{Name: postgres.SlotName(d.OID), Publisher: s.To.Publisher, Database: d.Name, Start: start}
}

// GiveUpWayBack removes what made the way back ready, after an attempt that came to nothing: a slot that stays would keep To's log. What
// cannot be removed now is found by the next attempt, or goes with abort.
func (s *Switchover) GiveUpWayBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseWithin)
	defer cancel()
	for _, d := range s.Databases {
		name := postgres.SlotName(d.OID)
		err := errors.Join(
			s.From.Server.In(ctx, d.Name, func(conn *pgx.Conn) error { return postgres.DropSubscriptions(ctx, conn, name) }),
			s.To.Server.In(ctx, d.Name, func(conn *pgx.Conn) error { return postgres.DropSlot(ctx, conn, name) }))
		if err != nil {
			s.Step.Say(fmt.Sprintf("what the way back needs is still there: %v", err))
			return
		}
	}
}

// Turn ends the replication from From and lets From follow To, once an attempt has switched. Each part of it may have happened before.
func (s *Switchover) Turn(ctx context.Context, attempt *Attempt) error {
	major, err := s.major(ctx, s.To.Server)
	if err != nil {
		return err
	}
	for _, d := range s.Databases {
		err := s.To.Server.In(ctx, d.Name, func(conn *pgx.Conn) error {
			return postgres.DropSubscriptions(ctx, conn, postgres.SlotName(d.OID))
		})
		if err != nil {
			return err
		}
		err = s.From.Server.In(ctx, d.Name, func(conn *pgx.Conn) error {
			if err := postgres.DropSlot(ctx, conn, postgres.SlotName(d.OID)); err != nil || attempt.TurnLSN == 0 {
				return err
			}
			if s.renames() { // it was made before the pause, with the address that To had then
				if err := postgres.DropIdleSubscription(ctx, conn, postgres.SlotName(d.OID)); err != nil {
					return err
				}
			}
			return postgres.Subscribe(ctx, conn, s.following(d, attempt.TurnLSN), major)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Switchover) major(ctx context.Context, server *postgres.Server) (major int, err error) {
	conn, err := maintenance(ctx, server)
	if err != nil {
		return 0, err
	}
	defer postgres.Close(conn)
	return postgres.Major(ctx, conn)
}
