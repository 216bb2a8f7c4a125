package switchover

import (
	"time"

	"github.com/pgteal/pgteal/internal/postgres"
)

// Phase is where an attempt stands. Each is in the journal before anything that it announces happens.
type Phase string

// The phases of an attempt, in their order. An attempt ends as BackedOut or Switched.
const (
	Fencing   Phase = "fencing"    // from here to Committed every failure backs out
	Committed Phase = "committed"  // from here on it goes forward only
	BackedOut Phase = "backed out" //
	Switched  Phase = "switched"   //
)

// Attempt is the report of one attempt.
type Attempt struct {
	From            string             `json:"from"` // blue or green
	To              string             `json:"to"`
	Began           time.Time          `json:"began"`
	Outcome         Phase              `json:"outcome"`
	Reason          string             `json:"reason,omitempty"`   // why it backed out
	PauseBeganMS    float64            `json:"pause_began_ms"`     // after Began; what lies between is not noticed by clients
	PauseMS         float64            `json:"pause_ms"`           // from the first held write to the clients' release
	PhasesMS        map[string]float64 `json:"phases_ms"`          // hold, fence, drain, sequences, commit, move, release
	Waited          map[string]string  `json:"waited"`             // by phase: what it waited for
	ExpectedPauseMS float64            `json:"expected_pause_ms"`  // the sum of ExpectedMS
	ExpectedMS      map[string]float64 `json:"expected_ms"`        // by phase, from what was measured right before
	DrainLSN        postgres.LSN       `json:"drain_lsn"`          // end of the last write that the other side had to take
	Sequences       int                `json:"sequences"`          // set within the pause; the others stood right already
	EndedSessions   int                `json:"ended_sessions"`     // client sessions that the fence ended; their clients connect again
	EndedOpen       int                `json:"ended_open"`         // those of them that were in a transaction, which failed
	EndedBy         string             `json:"ended_by,omitempty"` // by the guard or a later command; "" by the process that began it
	TurnLSN         postgres.LSN       `json:"turn_lsn"`           // on To: where From begins to follow it; 0 where there is no way back
	Fence           postgres.Fence     `json:"fence"`              // what the fence changed on From, as it was
}

func (s *Switchover) newAttempt() Attempt {
	return Attempt{
		From: s.From.Server.Name, To: s.To.Server.Name, Began: time.Now(),
		PhasesMS: map[string]float64{}, Waited: map[string]string{}, ExpectedMS: map[string]float64{},
	}
}

// pauseBegan is when the pause began, by the clock: it may have been another process that began it.
func (a *Attempt) pauseBegan() time.Time {
	return a.Began.Add(time.Duration(a.PauseBeganMS * float64(time.Millisecond)))
}

func (a *Attempt) measure(phase string, do func() error) error {
	begun := time.Now()
	err := do()
	a.PhasesMS[phase] = milliseconds(time.Since(begun))
	return err
}

// waitedFor adds to what a phase waited for.
func (a *Attempt) waitedFor(phase, what string) {
	if a.Waited[phase] != "" {
		what = a.Waited[phase] + ", " + what
	}
	a.Waited[phase] = what
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Phases returns the keys of PhasesMS in the order in which they happen.
func Phases() []string {
	return []string{"hold", "fence", "drain", "sequences", "commit", "move", "release"}
}
