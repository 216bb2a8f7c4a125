package upgrade

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider"
	"github.com/pgteal/pgteal/internal/switchover"
	"github.com/pgteal/pgteal/internal/verify"
)

// Report is the report of an upgrade. Every figure in it was measured in that very upgrade; what has not happened is missing.
type Report struct {
	Upgrade        string               `json:"upgrade"`
	Provider       string               `json:"provider"`
	FromVersion    string               `json:"from_version"`
	ToVersion      string               `json:"to_version,omitempty"`
	Outcome        string               `json:"outcome"` // preparing, prepared, switched over, finished or aborted
	Serving        string               `json:"serving"` // blue or green
	Databases      int                  `json:"databases"`
	Clone          *provider.Clone      `json:"clone,omitempty"`
	CloneLSN       postgres.LSN         `json:"clone_lsn,omitempty"`
	PrepareSeconds float64              `json:"prepare_seconds"` // of all steps up to the verification
	StepSeconds    map[string]float64   `json:"step_seconds"`
	Verify         *verify.Report       `json:"verify,omitempty"`
	Switchover     *switchover.Attempt  `json:"switchover,omitempty"` // the last attempt
	Attempts       []switchover.Attempt `json:"attempts,omitempty"`   // all of them
	Settings       []provider.Carried   `json:"settings,omitempty"`
	Rebuilt        []string             `json:"rebuilt_indexes,omitempty"`
	Extensions     []string             `json:"old_extensions,omitempty"` // that could not be updated on green
	Findings       []finding.Finding    `json:"findings,omitempty"`
	Blue           string               `json:"blue,omitempty"` // what became of it
}

// Report makes the report of what has happened so far.
func (u *Upgrade) Report() Report {
	s := u.state
	r := Report{
		Upgrade: s.Name, Provider: s.Provider, FromVersion: s.FromVersion, ToVersion: s.ToVersion, Outcome: u.outcome(), Serving: s.serving(),
		Databases: len(s.Databases), Clone: s.Clone, CloneLSN: s.CloneLSN, StepSeconds: map[string]float64{},
		Verify: s.Verified, Attempts: s.Attempts, Settings: s.Settings, Rebuilt: s.Rebuilt, Extensions: s.Extensions, Findings: s.Findings, Blue: s.BlueKept,
	}
	for _, step := range between(stepCheck, stepVerify) {
		r.PrepareSeconds += s.Steps[step.Name].Seconds
	}
	for name, step := range s.Steps {
		if step.Seconds > 0 {
			r.StepSeconds[name] = step.Seconds
		}
	}
	r.Switchover = s.lastAttempt()
	return r
}

func (u *Upgrade) outcome() string {
	switch s := &u.state; {
	case s.Outcome != "":
		return s.Outcome
	case s.lastAttempt() != nil && s.lastAttempt().Outcome == switchover.Committed:
		return stepOf(s.lastAttempt().To) + " committed, not finished"
	case s.serving() == green:
		return "switched over"
	case s.done(stepVerify):
		return "prepared"
	case len(s.Steps) == 0:
		return "not begun"
	}
	return "preparing"
}

// WriteReport keeps the report in the state directory as report.json.
func (u *Upgrade) WriteReport() error {
	content, err := json.MarshalIndent(u.Report(), "", "  ")
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := renameio.WriteFile(filepath.Join(u.config.State(), "report.json"), append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
