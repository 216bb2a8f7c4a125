package upgrade

import (
	"slices"
	"time"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider"
	"github.com/pgteal/pgteal/internal/switchover"
	"github.com/pgteal/pgteal/internal/verify"
)

// State is what is known of an upgrade: everything that a later process needs, and what the report is made of. No secret is in it.
type State struct {
	ID       string `json:"id"`                // random; also in the pgteal schema of each database
	Name     string `json:"name"`              // the configuration's
	Provider string `json:"provider"`          //
	Outcome  string `json:"outcome,omitempty"` // "", aborted or finished

	SystemIdentifier string  `json:"system_identifier"` // blue's: tells it from every other cluster
	From             int     `json:"from"`              // blue's major version
	FromVersion      string  `json:"from_version"`      // in full, such as 15.18
	To               int     `json:"to"`
	ToVersion        string  `json:"to_version,omitempty"`
	ReadOnly         *string `json:"read_only,omitempty"` // blue's ALTER ROLE ALL SET default_transaction_read_only, if any
	Publisher        string  `json:"publisher,omitempty"` // blue or green: whom the other one follows; "" before there is replication

	Databases []postgres.Database     `json:"databases,omitempty"`
	SlotLSNs  map[string]postgres.LSN `json:"slot_lsns,omitempty"` // by slot: where it begins to decode
	Markers   map[string]string       `json:"markers,omitempty"`   // by database: written after its slot, before the clone
	Clone     *provider.Clone         `json:"clone,omitempty"`
	CloneLSN  postgres.LSN            `json:"clone_lsn,omitempty"`
	Settings  []provider.Carried      `json:"settings,omitempty"`
	Rebuilt   []string                `json:"rebuilt_indexes,omitempty"` // because their collation's version changed
	Findings  []finding.Finding       `json:"findings,omitempty"`        // of the check

	Extensions []string `json:"old_extensions,omitempty"` // that green could not update, and what to do about each

	Repairs  []finding.Repair     `json:"repairs,omitempty"` // made on blue by pgteal check --fix, in this order
	Verified *verify.Report       `json:"verified,omitempty"`
	Attempts []switchover.Attempt `json:"attempts,omitempty"`
	BlueKept string               `json:"blue_kept,omitempty"` // what became of blue

	GreenFence *postgres.Fence `json:"green_fence,omitempty"` // what closing the clone changed, where that is more than pg_hba.conf

	Addresses *postgres.Addresses `json:"addresses,omitempty"` // blue's, where it was withdrawn from them

	GreenDirectory string `json:"green_directory,omitempty"` // the configuration's when the clone was begun

	GreenTidied bool `json:"green_tidied,omitempty"` // nothing of pgteal is left on green

	Steps map[string]StepState `json:"steps"` // by the step's name
}

// StepState is where a step stands.
type StepState struct {
	Begun   time.Time `json:"begun,omitzero"`
	Done    time.Time `json:"done,omitzero"`
	Seconds float64   `json:"seconds,omitempty"` // of the run that finished it
}

// The names of the two clusters.
const (
	blue  = "blue"
	green = "green"
)

// serving names the cluster that takes clients' writes: where the last attempt that was committed led them.
func (s *State) serving() string {
	if last := s.lastCommitted(); last != nil {
		return last.To
	}
	return blue
}

// lastCommitted returns the last attempt that went past the point of no return, nil where there is none.
func (s *State) lastCommitted() *switchover.Attempt {
	for i := range slices.Backward(s.Attempts) {
		if o := s.Attempts[i].Outcome; o == switchover.Committed || o == switchover.Switched {
			return &s.Attempts[i]
		}
	}
	return nil
}

// fence returns what opening a cluster puts back: what the last fence there has found.
func (s *State) fence(cluster string) postgres.Fence {
	for _, attempt := range slices.Backward(s.Attempts) {
		if attempt.From == cluster {
			return attempt.Fence
		}
	}
	if cluster == green && s.GreenFence != nil {
		return *s.GreenFence
	}
	return postgres.Fence{ReadOnly: s.ReadOnly}
}

// other is the cluster that does not serve while this one does.
func other(cluster string) string {
	if cluster == blue {
		return green
	}
	return blue
}

// lastAttempt returns the last attempt, nil where there is none.
func (s *State) lastAttempt() *switchover.Attempt {
	if len(s.Attempts) == 0 {
		return nil
	}
	return &s.Attempts[len(s.Attempts)-1]
}

func (s *State) done(step string) bool { return !s.Steps[step].Done.IsZero() }

// touched tells whether anything may have been changed on blue.
func (s *State) touched() bool { return s.begun(stepPublish) || len(s.Repairs) > 0 }

func (s *State) begun(step string) bool { return !s.Steps[step].Begun.IsZero() }
