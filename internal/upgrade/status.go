package upgrade

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/switchover"
)

// Status is where an upgrade stands.
type Status struct {
	Upgrade string       `json:"upgrade"`
	Outcome string       `json:"outcome"` // as in the report
	Serving string       `json:"serving"` // blue or green; the other one follows it
	Next    string       `json:"next"`    // the command that goes on from here, "" where there is none
	Steps   []StepStatus `json:"steps"`
	Lags    []Lag        `json:"lags,omitempty"`
	Problem string       `json:"problem,omitempty"` // what kept the lags from being read

	// Follower is the cluster whose lags they are: green, or blue once green serves and replication has turned round.
	Follower string `json:"follower,omitempty"`
}

// StepStatus is where a step stands.
type StepStatus struct {
	Name    string    `json:"name"`
	On      string    `json:"on"`
	Does    string    `json:"does"`
	State   string    `json:"state"` // waiting, begun or done
	Begun   time.Time `json:"begun,omitzero"`
	Seconds float64   `json:"seconds,omitempty"`
	Actions []string  `json:"actions,omitempty"` // in a plan
}

// Status tells where the upgrade stands, and asks blue how far green is behind.
func (u *Upgrade) Status(ctx context.Context) Status {
	status := Status{Upgrade: u.config.Upgrade, Outcome: u.outcome(), Serving: u.state.serving(), Next: u.next()}
	for _, step := range Plan() {
		status.Steps = append(status.Steps, u.stepStatus(step))
	}
	if u.state.done(stepSubscribe) && u.state.Outcome == "" {
		status.Follower = other(u.state.Publisher)
		err := u.reachBlue(ctx)
		if err == nil && u.state.Publisher == green {
			err = u.reachGreen(ctx)
		}
		if err == nil {
			status.Lags, err = u.lagsWithRate(ctx)
		}
		if err != nil {
			status.Problem = err.Error()
		}
	}
	return status
}

func (u *Upgrade) stepStatus(step Step) StepStatus {
	s := u.state.Steps[step.Name]
	status := StepStatus{Name: step.Name, On: step.On, Does: step.Does, State: "waiting", Begun: s.Begun, Seconds: s.Seconds}
	switch {
	case u.state.done(step.Name):
		status.State = eventDone
	case u.state.begun(step.Name):
		status.State = eventBegun
	}
	return status
}

func (u *Upgrade) next() string {
	switch s := &u.state; {
	case s.Outcome == outcomeFinished:
		return ""
	case s.done(stepWatch):
		return "pgteal finish"
	case s.lastAttempt() != nil && s.lastAttempt().Outcome == switchover.Committed:
		return "pgteal " + stepOf(s.lastAttempt().To)
	case s.done(stepVerify):
		return "pgteal switchover"
	}
	return "pgteal prepare"
}

// Plan returns the steps with the SQL, commands and calls that each will issue. It changes nothing.
func (u *Upgrade) Plan(ctx context.Context) ([]StepStatus, error) {
	databases, err := u.blue().Databases(ctx)
	if err != nil {
		return nil, err
	}
	var steps []StepStatus
	for _, step := range Plan() {
		status := u.stepStatus(step)
		if step.actions != nil {
			if status.Actions, err = step.actions(u, ctx, databases); err != nil {
				return nil, err
			}
		}
		status.Actions = slices.Concat(u.hookActions(hookBefore, step.Name), status.Actions, u.hookActions(hookAfter, step.Name))
		steps = append(steps, status)
	}
	return steps, nil
}

// reachGreen reaches green where it runs, without starting it.
func (u *Upgrade) reachGreen(ctx context.Context) error {
	if u.managed() {
		u.green = u.atEndpoint(green)
	} else {
		at := u.provider.Endpoint()
		server, err := postgres.Open(green, fmt.Sprintf("port=%d sslmode=disable", at.Port))
		if err != nil {
			return err
		}
		u.green = u.asRole(server).At(cmp.Or(at.SocketDirectory, at.Host), at.Port)
	}
	_, err := u.green.MaintenanceDatabase(ctx)
	return err
}
