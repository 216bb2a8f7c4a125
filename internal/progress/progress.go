// Package progress holds progress as data. Terminals and web pages render it; nothing is ever parsed back from text.
package progress

import (
	"sync"
	"time"
)

// Event is one piece of news about a step.
type Event struct {
	At      time.Time     `json:"at"`
	Step    string        `json:"step"`              // the step's name in the plan
	State   State         `json:"state"`             //
	Message string        `json:"message,omitempty"` // short, for people
	Doing   string        `json:"doing,omitempty"`   // what the step does at the moment
	Done    int64         `json:"done,omitempty"`    // so much of Total, in Unit
	Total   int64         `json:"total,omitempty"`   // 0 where it is not known
	Unit    string        `json:"unit,omitempty"`    // "bytes", "rows", "tables"
	Left    time.Duration `json:"left_ns,omitempty"` // estimated time left; 0 where it is not known
}

// State is where a step stands.
type State string

// The states of a step.
const (
	Begun   State = "begun"
	Running State = "running"
	Done    State = "done"
	Skipped State = "skipped" // it was already done by an earlier run
	Failed  State = "failed"
	Undone  State = "undone"
)

// Reporter takes the events of a run. It may be called from several goroutines at once and must not block.
type Reporter func(Event)

// Step returns a Reporter's shorthand for one step.
func (r Reporter) Step(name string) *Step { return &Step{name: name, report: r} }

// Step reports on one step.
type Step struct {
	name   string
	report Reporter

	mu      sync.Mutex
	counted time.Time // when the count that runs now began
	total   int64     // of that count
}

// Say reports a short message that people should read.
func (s *Step) Say(message string) { s.send(Event{State: Running, Message: message}) }

// Now reports what the step is doing at the moment: of interest until the next one comes.
func (s *Step) Now(doing string) { s.send(Event{State: Running, Doing: doing}) }

// Count reports that done of total units are done, and how long the rest will take at the pace so far.
func (s *Step) Count(done, total int64, unit string) {
	if s == nil {
		return
	}
	s.send(Event{State: Running, Done: done, Total: total, Unit: unit, Left: s.left(done, total)})
}

// left estimates the time that the rest of a count takes. With another total, another count has begun.
func (s *Step) left(done, total int64) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if total != s.total {
		s.total, s.counted = total, time.Now()
	}
	elapsed := time.Since(s.counted)
	if done <= 0 || done >= total || elapsed < time.Second {
		return 0
	}
	return time.Duration(float64(elapsed) * float64(total-done) / float64(done)).Round(time.Second)
}

// State reports that the step has come to state.
func (s *Step) State(state State, message string) { s.send(Event{State: state, Message: message}) }

func (s *Step) send(e Event) {
	if s == nil || s.report == nil {
		return
	}
	e.At, e.Step = time.Now(), s.name
	s.report(e)
}
