package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/switchover"
)

// direction returns the switchover that makes a cluster serve.
func (u *Upgrade) direction(to string, step *progress.Step) *switchover.Switchover {
	endpoint := u.provider.Endpoint()
	sides := map[string]switchover.Side{
		blue:  {Server: u.blue(), Publisher: u.blueForGreen(), Fence: u.state.fence(blue)},
		green: {Server: u.green, Publisher: u.greenForBlue, Fence: u.state.fence(green), Endpoint: &endpoint, Log: u.provider.Explain},
	}
	s := &switchover.Switchover{
		From: sides[other(to)], To: sides[to],
		Databases: u.state.Databases, Routes: u.routes, Step: step,
		Limits: switchover.Limits{
			MaxPause: u.config.Switchover.MaxPause, OpenTransactions: u.config.Switchover.OpenTransactions,
			VerifyFresh: u.config.Switchover.VerifyFresh, Force: u.force,
		},
		Journal: func(ctx context.Context, phase switchover.Phase, attempt switchover.Attempt) error {
			attempt.Outcome = phase
			before := u.state.Attempts
			if phase == switchover.Fencing {
				u.state.Attempts = append(u.state.Attempts, attempt)
			}
			*u.state.lastAttempt() = attempt
			err := u.note(ctx, stepOf(to), string(phase))
			if err != nil && phase == switchover.Fencing && !errors.Is(err, switchover.ErrUndecided) {
				u.state.Attempts = before // it has not begun: there is nothing for the guard to do
			}
			return err
		},
	}
	s.Look = func(ctx context.Context) ([]finding.Finding, error) { return u.notCarried(ctx, s.From.Server) }
	if v := u.state.Verified; v != nil {
		s.Verification = switchover.Verification{At: v.At, Mismatches: v.Mismatches}
	}
	return s
}

// stepOf names the step that makes a cluster serve.
func stepOf(cluster string) string {
	if cluster == blue {
		return stepRollback
	}
	return stepSwitchover
}

// switchover moves the writers to green.
func (u *Upgrade) switchover(ctx context.Context, step *progress.Step) error {
	return u.move(ctx, green, step)
}

// move makes a cluster serve. An attempt that an earlier process left is first brought to its end: forward where it was
// committed, back where it was not.
func (u *Upgrade) move(ctx context.Context, to string, step *progress.Step) error {
	if err := u.settleAttempt(ctx); err != nil || u.state.serving() == to {
		return err
	}
	if err := u.ready(ctx, step); err != nil {
		return err
	}
	if err := u.lockBlue(ctx); err != nil { // as pgteal's own role: the fence ends every other session
		return err
	}
	if to == blue {
		if err := u.comeBack(ctx, step); err != nil {
			return err
		}
	} else if err := u.canWithdraw(ctx); err != nil {
		return err
	}
	err := u.guarded(ctx, step, func() error { return u.attempt(ctx, to, step) })
	if err == nil {
		err = u.meetAgain(ctx, step)
	}
	if failed := u.withdraw(ctx, step); failed != nil { // what comes next tries again
		step.Say(failed.Error())
	}
	return err
}

// attempt tries to make a cluster serve, once.
func (u *Upgrade) attempt(ctx context.Context, to string, step *progress.Step) error {
	attempt, err := u.direction(to, step).Run(ctx)
	if last := u.state.lastAttempt(); last != nil && last.Began.Equal(attempt.Began) {
		*last = attempt
	}
	if err == nil {
		step.Say(fmt.Sprintf("writes paused for %.0f ms", attempt.PauseMS))
	}
	return err
}

// ready brings what an earlier process left to its end, so that one cluster serves and the other one follows it.
func (u *Upgrade) ready(ctx context.Context, step *progress.Step) error {
	if err := u.meetGreen(ctx, step); err != nil {
		return err
	}
	if err := u.settleAttempt(ctx); err != nil {
		return err
	}
	if err := u.withdraw(ctx, step); err != nil {
		return err
	}
	return u.turn(ctx, step)
}

// turn lets the cluster that served follow the one that serves now.
func (u *Upgrade) turn(ctx context.Context, step *progress.Step) error {
	serving := u.state.serving()
	if u.state.Publisher == serving {
		return nil
	}
	if u.blueGone != "" {
		step.Say("no way back as long as blue cannot be reached: " + u.blueGone)
		return nil
	}
	if err := u.direction(serving, step).Turn(ctx, u.state.lastCommitted()); err != nil {
		return err
	}
	u.state.Publisher = serving
	return u.note(ctx, stepOf(serving), "turned")
}

// notCarried returns what is on a cluster that replication does not carry away from it, large objects for example.
func (u *Upgrade) notCarried(ctx context.Context, server *postgres.Server) (findings []finding.Finding, err error) {
	all, err := check.Run(ctx, check.Target{Blue: server, Upgrade: u.state.ID, Databases: u.state.Databases, To: u.config.To})
	for _, f := range all.Findings {
		// What keeps pg_upgrade from running is of no interest any more, except that it may have come about since.
		if f.Blocks == finding.Switchover || f.Blocks == finding.Upgrade && u.state.serving() == blue {
			findings = append(findings, f)
		}
	}
	return findings, err
}

// needing runs do, which needs one cluster alone. Green is not even asked for where it is blue that clients wait for.
func (u *Upgrade) needing(ctx context.Context, cluster string, step *progress.Step, do func() error) error {
	if u.green != nil || cluster == green {
		if err := u.meetGreen(ctx, step); err != nil {
			return err
		}
		return do()
	}
	u.green = postgres.Gone(green, errors.New("it was not asked for"))
	defer func() { u.green = nil }()
	return do()
}

// backOut gives the writes back to the cluster that served where an attempt was cut off before its commitment.
func (u *Upgrade) backOut(ctx context.Context) error {
	last := u.state.lastAttempt()
	if last == nil || last.Outcome != switchover.Fencing {
		return nil
	}
	attempt := *last
	attempt.Reason, attempt.EndedBy = "pgteal was ended in the middle of it", u.actor
	step := u.report.Step(stepOf(attempt.To))
	err := u.needing(ctx, attempt.From, step, func() error { return u.direction(attempt.To, step).BackOut(ctx, &attempt) })
	if err != nil {
		return err
	}
	if err := u.reachBlue(ctx); err != nil { // the operator's role may come in again
		return err
	}
	if err := u.meetGreen(ctx, step); err != nil {
		step.Say(fmt.Sprintf("what the way back needs is still there: %v", err))
		return nil
	}
	u.direction(attempt.To, step).GiveUpWayBack(ctx)
	return nil
}

// DryRun looks at every guardrail and measures what the pause will take, and stops there.
func (u *Upgrade) DryRun(ctx context.Context) ([]finding.Finding, switchover.Attempt, error) {
	if err := u.prepared(); err != nil {
		return nil, switchover.Attempt{}, err
	}
	return u.dryRun(ctx, green)
}

// dryRun looks at every guardrail on the way to a cluster and measures what the pause will take, and stops there.
func (u *Upgrade) dryRun(ctx context.Context, to string) ([]finding.Finding, switchover.Attempt, error) {
	step := u.report.Step(stepOf(to))
	if err := u.ready(ctx, step); err != nil {
		return nil, switchover.Attempt{}, err
	}
	if u.state.serving() == to { // the guardrails would look at, and clear away, the replication that runs
		return nil, switchover.Attempt{}, fault.New(fault.Forbidden, fmt.Errorf("%s serves already", to), "pgteal status")
	}
	return u.direction(to, step).Findings(ctx)
}

// watch lets blue follow green and says where the routes lead.
func (u *Upgrade) watch(ctx context.Context, step *progress.Step) error {
	if err := u.ready(ctx, step); err != nil {
		return err
	}
	for _, r := range u.routes {
		switch endpoints, err := r.Where(ctx); {
		case err != nil:
			step.Say(fmt.Sprintf("%s cannot tell where it leads: %v", r.Name(), err))
		case len(endpoints) > 0:
			step.Say(fmt.Sprintf("%s leads to %s", r.Name(), describe(endpoints)))
		}
	}
	return nil
}

func describe(endpoints []route.Endpoint) (text string) {
	for i, e := range endpoints {
		if i > 0 {
			text += ", "
		}
		if e.Host == "" {
			e.Host = e.SocketDirectory
		}
		text += fmt.Sprintf("%s:%d", e.Host, e.Port)
	}
	return text
}

func (u *Upgrade) switchoverActions(context.Context, []postgres.Database) (actions []string, err error) {
	actions = append(actions,
		"make the way back ready, in each database: on green "+postgres.CreateSlotSQL+"; on blue CREATE SUBSCRIPTION ... (enabled = false);")
	for _, r := range u.routes {
		actions = append(actions, "hold clients: "+r.Name())
	}
	actions = append(actions,
		"fence blue: ALTER ROLE ALL SET default_transaction_read_only = on; ALTER DATABASE ... CONNECTION LIMIT 0; for each database; "+
			"ALTER ROLE ... NOLOGIN; for each superuser; at the head of pg_hba.conf, then SELECT pg_reload_conf();\n"+postgres.HBAClosed.Block(),
		"end client sessions on blue: SELECT pg_terminate_backend(...) FROM pg_stat_activity ...;",
		"drain: INSERT INTO pgteal.marker ...; in each database, and wait for it on green",
		"sequences, in each database: "+postgres.SetSequencesSQL+";",
		"open green: what its own fence changed, if it had one, is put back; ALTER ROLE ALL RESET default_transaction_read_only; "+
			"and pg_hba.conf without the reject lines",
	)
	for _, r := range u.routes {
		actions = append(actions, fmt.Sprintf("lead clients to port %d and let them go on: %s", u.provider.Endpoint().Port, r.Name()))
	}
	return actions, nil
}

// LimitPause sets the longest time for which writes are held, in place of the configuration's.
func (u *Upgrade) LimitPause(limit time.Duration) error {
	u.config.Switchover.MaxPause = limit
	return u.config.Check()
}

// Force overrides guardrails by name. Those whose absence could lose data cannot be overridden.
func (u *Upgrade) Force(names []string) error {
	all, overridable := switchover.Guardrails()
	for _, name := range names {
		switch {
		case !slices.Contains(all, name):
			return fmt.Errorf("there is no guardrail %q: --force takes %s", name, strings.Join(overridable, ", "))
		case !slices.Contains(overridable, name):
			return fmt.Errorf("the guardrail %q cannot be overridden, because data could be lost: --force takes %s", name, strings.Join(overridable, ", "))
		}
	}
	u.force = names
	return nil
}
