package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/progress"
)

// The events of a step in the journal, and how an upgrade ends.
const (
	eventBegun   = "begun"
	eventFound   = "found"
	eventDone    = "done"
	eventUndoing = "undoing"
	eventUndone  = "undone"

	outcomeAborted  = "aborted"
	outcomeFinished = "finished"
)

// stepAbort is no step of the plan: it takes those back that were begun.
const stepAbort = "abort"

// Prepare runs the plan up to the switchover. It goes on where an earlier run stopped.
func (u *Upgrade) Prepare(ctx context.Context) error {
	if u.state.Outcome == outcomeFinished || u.state.serving() == green {
		return fault.New(fault.Forbidden, fmt.Errorf("the upgrade %q has already been switched over", u.state.Name), "See pgteal status.")
	}
	before := u.state.done(stepVerify)
	if err := u.runSteps(ctx, between(stepCheck, stepVerify)); err != nil || !before {
		return err
	}
	return u.followsStill(ctx)
}

// followsStill sees that green follows blue where everything was done before: much may have happened since. A green that was stopped is started.
func (u *Upgrade) followsStill(ctx context.Context) error {
	report := u.report.Step(stepCatchUp)
	report.State(progress.Begun, "see that green still follows blue")
	if err := u.catchUp(ctx, report); err != nil {
		report.State(progress.Failed, err.Error())
		return fmt.Errorf("%s: %w", stepCatchUp, err)
	}
	report.State(progress.Done, "")
	return nil
}

// Switchover runs the switchover, or finishes one that was committed. With findings against it nothing happens.
func (u *Upgrade) Switchover(ctx context.Context) error {
	if u.state.serving() == blue {
		if err := u.prepared(); err != nil {
			return err
		}
	}
	return u.runSteps(ctx, between(stepSwitchover, stepWatch))
}

// prepared is an error unless blue serves and green follows it.
func (u *Upgrade) prepared() error {
	switch {
	case u.state.serving() == green:
		return fault.New(fault.Forbidden, fmt.Errorf("the upgrade %q has been switched over: green serves", u.state.Name), "pgteal finish, or pgteal rollback")
	case !u.state.done(stepVerify):
		return fault.New(fault.Forbidden, fmt.Errorf("the upgrade %q is not prepared", u.state.Name), "pgteal prepare")
	}
	return nil
}

// Finish ends the upgrade: blue is retired.
func (u *Upgrade) Finish(ctx context.Context) error {
	if u.state.Outcome == outcomeFinished {
		return u.forgetSecret()
	}
	if err := u.settleAttempt(ctx); err != nil {
		return err
	}
	if !u.state.done(stepSwitchover) || u.state.serving() == blue {
		return fault.New(fault.Forbidden, fmt.Errorf("the upgrade %q has not been switched over", u.state.Name),
			"pgteal switchover moves the writers to green; pgteal abort gives the upgrade up.")
	}
	if err := u.greenServes(ctx, u.report.Step(stepFinish)); err != nil {
		return err
	}
	if err := u.runSteps(ctx, between(stepWatch, stepFinish)); err != nil {
		return err
	}
	return u.forgetSecret()
}

func (u *Upgrade) runSteps(ctx context.Context, steps []Step) error {
	for _, step := range steps {
		if err := u.runStep(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

func (u *Upgrade) runStep(ctx context.Context, step Step) error {
	report := u.report.Step(step.Name)
	if u.state.done(step.Name) {
		report.State(progress.Skipped, "done before")
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	report.State(progress.Begun, step.Does)
	if err := u.doStep(ctx, step, report); err != nil {
		report.State(progress.Failed, err.Error())
		return fmt.Errorf("%s: %w", step.Name, err)
	}
	u.runAfter(ctx, step.Name, report)
	report.State(progress.Done, "")
	return nil
}

func (u *Upgrade) doStep(ctx context.Context, step Step, report *progress.Step) error {
	if err := u.runBefore(ctx, step.Name, report); err != nil {
		return err
	}
	begun := time.Now()
	u.state.Steps[step.Name] = StepState{Begun: begun}
	if err := u.note(ctx, step.Name, eventBegun); err != nil {
		return err
	}
	if err := step.run(u, ctx, report); err != nil {
		return err
	}
	u.state.Steps[step.Name] = StepState{Begun: begun, Done: time.Now(), Seconds: time.Since(begun).Seconds()}
	return u.note(ctx, step.Name, eventDone)
}

// Abort undoes every step that was begun, the last one first. Blue is then as it was found.
func (u *Upgrade) Abort(ctx context.Context) error {
	if u.state.Outcome == outcomeAborted || len(u.state.Steps) == 0 {
		return errors.Join(u.provider.Discard(ctx), u.forgetSecret()) // a rehearsal that was killed leaves no entry
	}
	if u.state.serving() == green {
		return fault.New(fault.Forbidden, fmt.Errorf("the upgrade %q has been switched over: green serves", u.state.Name),
			"pgteal finish ends the upgrade; pgteal rollback brings the writers back to blue first.")
	}
	if err := u.settleAttempt(ctx); err != nil {
		return err
	}
	report := u.report.Step(stepAbort)
	report.State(progress.Begun, "take back every step, the last one first")
	if err := u.undoSteps(ctx, report); err != nil {
		report.State(progress.Failed, err.Error())
		return err
	}
	u.runAfter(ctx, stepAbort, report)
	report.State(progress.Done, "")
	return nil
}

func (u *Upgrade) undoSteps(ctx context.Context, report *progress.Step) error {
	if err := u.runBefore(ctx, stepAbort, report); err != nil {
		return fmt.Errorf("%s: %w", stepAbort, err)
	}
	steps := Plan()
	slices.Reverse(steps)
	for _, step := range steps {
		if !u.state.begun(step.Name) {
			continue
		}
		if err := u.undoStep(ctx, step); err != nil {
			return fmt.Errorf("undo %q: %w", step.Name, err)
		}
	}
	return u.forgetSecret()
}

// undoStep takes a step back. It does not count as done any more before anything of it goes: who is cut off here runs it again.
func (u *Upgrade) undoStep(ctx context.Context, step Step) error {
	if step.undo != nil {
		u.state.Steps[step.Name] = StepState{Begun: u.state.Steps[step.Name].Begun}
		if err := u.note(ctx, step.Name, eventUndoing); err != nil {
			return err
		}
		report := u.report.Step(step.Name)
		if err := step.undo(u, ctx, report); err != nil {
			return err
		}
		report.State(progress.Undone, "")
	}
	delete(u.state.Steps, step.Name)
	if len(u.state.Steps) == 0 {
		u.state.Outcome = outcomeAborted
	}
	return u.note(ctx, step.Name, eventUndone)
}
