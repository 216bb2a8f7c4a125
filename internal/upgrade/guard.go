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

// Guard starts a process that outlives this one. release tells it that all is well; when this process ends without having done so,
// the guard brings the switchover to its end (see Watch). It is started before the pause.
type Guard func(ctx context.Context) (release func() error, err error)

// Released is what a guard reads when its process has come to the end of the switchover by itself.
const Released = 'r'

// guardPatience is how long a guard goes on trying while servers or routes cannot be reached.
const guardPatience = 10 * time.Minute

// Watch is what a guard does: it waits until alive ends. Where that was not released, the process that the guard watched is gone, and an
// attempt that it left is brought to its end: back where it was not committed, forward where it was. Clients wait all the while.
func Watch(ctx context.Context, alive io.Reader, parts func() (Parts, error)) error {
	word := make([]byte, 1)
	if _, err := io.ReadFull(alive, word); err == nil && word[0] == Released {
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
