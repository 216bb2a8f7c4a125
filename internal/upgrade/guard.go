package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/switchover"
)

// Guard starts a process that outlives this one, and tells it every Beat that this one is alive. release tells it that all is well; when this process
// ends without having done so, the guard brings the switchover to its end (see Watch). It is started before the pause.
type Guard func(ctx context.Context) (release func() error, err error)

// What a guard reads of its process.
const (
	Alive    = 'a' // it is at work
	Released = 'r' // it has come to the end of the switchover by itself
)

// Beat is how often a guard reads that its process is alive.
const Beat = 500 * time.Millisecond

// stillness is how long a guard reads nothing, twice in a row, before it ends a process that stands still: stopped by SIGSTOP or by a debugger, say.
// Once is not enough, because a machine that was paused as a whole lets both go on at the same time.
const stillness = 2500 * time.Millisecond

// guardPatience is how long a guard goes on trying while servers or routes cannot be reached.
const guardPatience = 10 * time.Minute

// Watch is what a guard does: it waits until alive ends. Where that was not released, the process that the guard watched is gone, and an
// attempt that it left is brought to its end: back where it was not committed, forward where it was. Clients wait all the while, so a process that
// stands still is killed.
func Watch(ctx context.Context, alive io.Reader, kill func() error, parts func() (Parts, error)) error {
	if released(alive, kill) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, guardPatience)
	defer cancel()
	for {
		err := takeOver(ctx, parts)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("bring the switchover to its end: %w", err)
		case <-time.After(lookEvery):
		}
	}
}

// released tells how alive ends: released, or because its process did.
func released(alive io.Reader, kill func() error) bool {
	heard := make(chan byte)
	go func() {
		defer close(heard)
		word := make([]byte, 1)
		for {
			if _, err := io.ReadFull(alive, word); err != nil {
				return
			}
			heard <- word[0]
		}
	}()
	silent := 0
	for {
		select {
		case word, open := <-heard:
			if !open || word == Released {
				return open
			}
			silent = 0
		case <-time.After(stillness):
			silent++
			if silent > 1 {
				_ = kill() // that it is gone already, alive tells
			}
		}
	}
}

func takeOver(ctx context.Context, parts func() (Parts, error)) (err error) {
	p, err := parts()
	if err != nil {
		return err
	}
	u, err := Open(ctx, p)
	if err != nil {
		return err
	}
	defer u.Close()
	u.actor = "the guard"
	if err := u.settleAttempt(ctx); err != nil {
		return err
	}
	return errors.Join(u.withdraw(ctx, u.report.Step(stepSwitchover)), u.WriteReport())
}

// settleAttempt brings an attempt that its process left to its end.
func (u *Upgrade) settleAttempt(ctx context.Context) error {
	if last := u.state.lastAttempt(); last == nil || last.Outcome != switchover.Committed {
		return u.backOut(ctx)
	}
	u.state.lastAttempt().EndedBy = u.actor
	to := u.state.lastAttempt().To
	step := u.report.Step(stepOf(to))
	err := u.needing(ctx, to, step, func() error { return u.direction(to, step).GoForward(ctx, u.state.lastAttempt()) })
	if err != nil {
		return err
	}
	return u.meetAgain(ctx, step)
}

// guarded runs do with a guard behind it, where there is one to be had.
func (u *Upgrade) guarded(ctx context.Context, step *progress.Step, do func() error) error {
	if u.guard == nil {
		return do()
	}
	release, err := u.guard(ctx)
	if err != nil {
		return fmt.Errorf("start the guard: %w", err)
	}
	err = do()
	if last := u.state.lastAttempt(); last != nil && (last.Outcome == switchover.Fencing || last.Outcome == switchover.Committed) {
		return err // it ended in the middle: our own end is what the guard acts on
	}
	if failed := release(); failed != nil { // it is gone, and the attempt has come to its end without it
		step.Say(failed.Error())
	}
	return err
}
