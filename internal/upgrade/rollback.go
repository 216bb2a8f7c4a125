package upgrade

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/switchover"
)

// stepRollback is no step of the plan: it takes two of them back.
const stepRollback = "rollback"

// Rollback moves the writers back to blue, with everything that green took. Green then follows blue again, as before the switchover.
func (u *Upgrade) Rollback(ctx context.Context) error {
	if err := u.canRollBack(); err != nil {
		return err
	}
	again := u.state.serving() == blue && u.state.Publisher == blue // an earlier run has done all of it
	step := u.report.Step(stepRollback)
	step.State(progress.Begun, "move the writers back to blue")
	if err := u.rollback(ctx, step); err != nil {
		step.State(progress.Failed, err.Error())
		return fmt.Errorf("%s: %w", stepRollback, err)
	}
	if !again {
		u.runAfter(ctx, stepRollback, step)
	}
	step.State(progress.Done, "")
	return nil
}

func (u *Upgrade) rollback(ctx context.Context, step *progress.Step) error {
	if err := u.runBefore(ctx, stepRollback, step); err != nil {
		return err
	}
	if err := u.move(ctx, blue, step); err != nil {
		return err
	}
	if err := u.ready(ctx, step); err != nil {
		return err
	}
	u.takeBackSwitchover()
	u.state.Addresses = nil
	return u.note(ctx, stepRollback, eventDone)
}

// RollbackDryRun looks at every guardrail on the way back and measures what the pause will take, and stops there.
func (u *Upgrade) RollbackDryRun(ctx context.Context) ([]finding.Finding, switchover.Attempt, error) {
	if err := u.canRollBack(); err != nil {
		return nil, switchover.Attempt{}, err
	}
	return u.dryRun(ctx, blue)
}

// canRollBack is an error where there is no switchover to take back. A rollback that was cut off may be repeated.
func (u *Upgrade) canRollBack() error {
	switch {
	case u.state.Outcome == outcomeFinished:
		return fault.New(fault.Forbidden, fmt.Errorf("the upgrade %q is finished: blue is retired", u.state.Name), "See pgteal status.")
	case u.state.lastCommitted() == nil:
		return fault.New(fault.Forbidden, fmt.Errorf("the upgrade %q has not been switched over: blue serves", u.state.Name), "pgteal status")
	}
	return nil
}

// takeBackSwitchover makes the steps that a rollback took back to be done again.
func (u *Upgrade) takeBackSwitchover() {
	delete(u.state.Steps, stepSwitchover)
	delete(u.state.Steps, stepWatch)
}
