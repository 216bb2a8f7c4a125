// Package switchover moves the writers from one cluster to another. It knows directions, not blue and green: rollback is the same code with
// the ends swapped.
package switchover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/route"
)

// Side is one end of the switchover.
type Side struct {
	Server    *postgres.Server // reached as pgteal's own role, which the fence lets in
	Publisher *postgres.Server // as the other side's server reaches it, for its subscriptions
	Endpoint  *route.Endpoint  // where the routes reach it; nil: where they led before the first switchover
	Log       func() string    // the last errors in its server log; nil where that is out of reach
	Fence     postgres.Fence   // what opening it puts back; of From it is read right before each attempt
}

// Limits bound the switchover.
type Limits struct {
	MaxPause         time.Duration // writes are held no longer
	OpenTransactions string        // "end" or "wait": what happens to transactions still open at half of MaxPause
	VerifyFresh      time.Duration // a verification older than this does not count
	Force            []string      // the guardrails that the operator overrides, by name
}

// Verification is what is known of the last exact comparison.
type Verification struct {
	At         time.Time // zero: there was none
	Mismatches int64
}

// Switchover is one direction.
type Switchover struct {
	From, To     Side
	Databases    []postgres.Database // From's; with slots and subscriptions named by postgres.SlotName
	Routes       []route.Route
	Limits       Limits
	Verification Verification
	Look         func(context.Context) ([]finding.Finding, error) // a guardrail of the caller's

	// Journal makes a phase durable before it returns.
	Journal func(context.Context, Phase, Attempt) error
	Step    *progress.Step
}

// releaseWithin bounds how long giving the writes back, or going forward, may take at a server that answers.
const releaseWithin = 30 * time.Second

// Run moves the writers, or leaves them where they are as if nothing had happened: it then returns an error of kind fault.BackedOut, or
// fault.Forbidden where a guardrail kept it from beginning.
func (s *Switchover) Run(ctx context.Context) (Attempt, error) {
	attempt := s.newAttempt()
	ends, err := s.connect(ctx)
	if err != nil {
		return attempt, err
	}
	defer ends.close()
	if err := s.ready(ctx, ends, &attempt); err != nil {
		s.GiveUpWayBack(ctx)
		return attempt, err
	}

	begun := time.Now()
	attempt.PauseBeganMS = milliseconds(begun.Sub(attempt.Began))
	attempt.Outcome = Fencing // until it has come to an end, its guard stays
	if err := s.Journal(ctx, Fencing, attempt); err != nil {
		s.GiveUpWayBack(ctx)
		return attempt, fault.WithHint(err, "Nothing has been held. See to the journal's disk and run the same command again.")
	}
	if err := s.moveUntilCommit(ctx, ends, &attempt); err != nil {
		attempt.Reason = err.Error()
		if errors.Is(err, ErrUndecided) {
			return attempt, fault.New(fault.Unknown, err, "Writes are held until the journal can be written: see to its disk. Then run the same command again.")
		}
		back := s.BackOut(ctx, &attempt) // in sessions of its own: those of the pause may have gone with its time
		if back != nil {
			return attempt, fault.New(fault.Unknown, errors.Join(err, back),
				"See to the cause and run the same command again: it gives the writes back first, where they are still held.")
		}
		s.GiveUpWayBack(ctx)
		return attempt, fault.New(fault.BackedOut, fmt.Errorf("backed out after %.0f ms, %s serves: %w", attempt.PauseMS, s.From.Server.Name, err),
			"See to the cause and run the same command again.")
	}
	return attempt, s.goForward(ctx, &attempt, ends.to, begun)
}

// moveUntilCommit holds and fences the clients, drains, and carries what replication does not. Every step of it can be backed out of.
func (s *Switchover) moveUntilCommit(ctx context.Context, ends *sessions, attempt *Attempt) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Limits.MaxPause, fmt.Errorf("max_pause of %s is over", s.Limits.MaxPause))
	defer cancel()
	began := time.Now()
	phases := []struct {
		name string
		do   func() error
	}{
		{"hold", func() error { return s.hold(ctx, attempt) }},
		{"fence", func() error { return s.fence(ctx, ends, attempt, began) }},
		{"drain", func() error { return s.drain(ctx, ends, attempt) }},
		{"sequences", func() error { return s.carrySequences(ctx, ends, attempt) }},
		{"commit", func() error { return s.commit(ctx, ends, attempt) }},
	}
	for _, phase := range phases {
		if err := attempt.measure(phase.name, phase.do); err != nil {
			if ctx.Err() != nil {
				err = errors.Join(context.Cause(ctx), err)
			}
			return fmt.Errorf("%s: %w", phase.name, err)
		}
	}
	return nil
}

// hold keeps clients waiting at every route that can.
func (s *Switchover) hold(ctx context.Context, attempt *Attempt) error {
	// Routes may use what is left of half the pause; the other half is for fence and drain.
	ctx, cancel := context.WithTimeout(ctx, s.Limits.MaxPause/2)
	defer cancel()
	begun := time.Now()
	took := make(chan string, len(s.Routes))
	err := s.eachRoute(func(r route.Route) error {
		err := r.Hold(ctx)
		took <- fmt.Sprintf("%s %.1f ms", r.Name(), milliseconds(time.Since(begun)))
		return err
	})
	close(took)
	for route := range took {
		attempt.waitedFor("hold", route)
	}
	return err
}

// commit looks once more for clients behind the fence, makes what To has received durable there, and then the decision. After it there is no
// way back out. Apply workers commit without waiting for the disk, so what the drain saw on To could still be lost with it.
func (s *Switchover) commit(ctx context.Context, ends *sessions, attempt *Attempt) error {
	left, err := postgres.EndSessions(ctx, ends.from, true)
	if err != nil {
		return err
	}
	if left > 0 {
		return fmt.Errorf("%d client sessions came through the fence", left)
	}
	lsn, err := postgres.Flush(ctx, ends.to)
	if err != nil {
		return fmt.Errorf("%s: %w", s.To.Server.Name, err)
	}
	if !s.forced("way-back") {
		attempt.TurnLSN = lsn
	}
	attempt.waitedFor("commit", "a last look for clients, "+s.To.Server.Name+"'s disk, the journal")
	if err := ctx.Err(); err != nil {
		return err
	}
	committed := *attempt
	committed.Outcome = Committed
	if err := s.Journal(context.WithoutCancel(ctx), Committed, committed); err != nil {
		return err
	}
	attempt.Outcome = Committed
	return nil
}

// ErrUndecided says of an entry of the journal that could not be made that a later process may find it all the same.
var ErrUndecided = errors.New("whether the journal has it is not known")

// GoForward brings an attempt to its end that another process committed. Each part of it may have happened before.
func (s *Switchover) GoForward(ctx context.Context, attempt *Attempt) error {
	conn, err := maintenance(ctx, s.To.Server)
	if err != nil {
		return err
	}
	defer postgres.Close(conn)
	attempt.waitedFor("move", attempt.EndedBy)
	return s.goForward(ctx, attempt, conn, attempt.pauseBegan())
}

// goForward opens To, leads the clients there and lets them go on. Nothing that it needs depends on From. begun is when the pause began.
func (s *Switchover) goForward(ctx context.Context, attempt *Attempt, conn *pgx.Conn, begun time.Time) error {
	whole := context.WithoutCancel(ctx) // a signal must not strand the clients between two clusters
	ctx, cancel := context.WithTimeout(whole, releaseWithin)
	defer cancel()
	err := attempt.measure("move", func() error {
		var both errgroup.Group
		both.Go(func() error { return lower(ctx, s.To, conn) })
		both.Go(func() error { return s.leadAll(ctx, false) })
		if err := both.Wait(); err != nil {
			return err
		}
		if err := s.part(ctx); err != nil {
			return err
		}
		return s.leadAll(whole, true)
	})
	ctx, cancel = context.WithTimeout(whole, releaseWithin) // a cloud may have taken its time
	defer cancel()
	if err == nil { // clients whom To turned away would see an error
		err = attempt.measure("release", func() error { return s.eachRoute(func(r route.Route) error { return r.Release(ctx) }) })
	}
	attempt.PauseMS = milliseconds(time.Since(begun))
	if err != nil {
		return fault.New(fault.Unknown, fmt.Errorf("the switchover is committed, but its last part failed: %w", err),
			"Run the same command again: it goes on from here. "+s.From.Server.Name+" stays fenced.")
	}
	if err := postgres.WakeJobs(ctx, conn); err != nil { // clients are served all the same
		s.Step.Say(fmt.Sprintf("%s: %v: run ALTER SYSTEM SET %s = on; SELECT pg_reload_conf(); there", s.To.Server.Name, err, postgres.JobsSetting))
	}
	switched := *attempt
	switched.Outcome = Switched
	if err := s.Journal(ctx, Switched, switched); err != nil {
		return fmt.Errorf("%s takes the writes, but the journal does not say so: %w", s.To.Server.Name, err)
	}
	attempt.Outcome = Switched
	return nil
}

// BackOut gives the writes back to From. It does not matter how far the attempt came, or whose it was.
func (s *Switchover) BackOut(ctx context.Context, attempt *Attempt) error {
	whole := context.WithoutCancel(ctx)
	ctx, cancel := context.WithTimeout(whole, releaseWithin/2)
	defer cancel()
	opened := open(ctx, Side{Server: s.From.Server, Fence: attempt.Fence})
	ctx, cancel = context.WithTimeout(whole, releaseWithin/2) // of their own: an opening that hung must not keep clients held
	defer cancel()
	released := s.eachRoute(func(r route.Route) error { return r.Release(ctx) }) // even so: an error is better than no answer
	attempt.PauseMS = milliseconds(time.Since(attempt.pauseBegan()))
	if err := errors.Join(opened, released); err != nil {
		return err
	}
	backedOut := *attempt
	backedOut.Outcome = BackedOut
	if err := s.Journal(ctx, BackedOut, backedOut); err != nil {
		return fmt.Errorf("%s takes writes again, but the journal does not say so: %w", s.From.Server.Name, err)
	}
	attempt.Outcome = BackedOut
	return nil
}
