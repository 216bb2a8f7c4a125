package audit

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Metrics are what clients saw. Latencies are those of acknowledged operations, whole ones, connecting included where that was
// needed.
type Metrics struct {
	Acknowledged int64 `json:"acknowledged"`
	Errors       int64 `json:"errors"`     // operations that were answered by an error, or not at all
	Unknown      int64 `json:"unknown"`    // those of them that may have committed nevertheless
	Unfinished   int64 `json:"unfinished"` // operations in whose middle the writer itself died

	MaxLatencyMS float64   `json:"max_latency_ms"`
	MaxLatencyAt time.Time `json:"max_latency_at"` // when the slowest was acknowledged
	P50LatencyMS float64   `json:"p50_latency_ms"`
	P99LatencyMS float64   `json:"p99_latency_ms"`

	// The longest time in which nothing was acknowledged, between two that were, in the database where it was longest.
	LongestGapMS float64   `json:"longest_gap_ms"`
	LongestGapAt time.Time `json:"longest_gap_at"` // its begin
	LastAck      time.Time `json:"last_ack"`

	Failures []Failure     `json:"failures"`  // by class
	ServedBy map[int]int64 `json:"served_by"` // acknowledged operations by server_version_num of the server that answered
}

// Failure is a class of errors.
type Failure struct {
	Class   string    `json:"class"` // SQLSTATE, or connect, connection, timeout, missing
	Unknown bool      `json:"unknown"`
	Count   int64     `json:"count"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Example string    `json:"example"` // the first message
}

// Summary is what clients saw, over all, by database and by writer.
type Summary struct {
	Metrics
	Databases map[string]Metrics `json:"databases"`
	Writers   map[string]Metrics `json:"writers"`
}

// tally adds events up.
type tally struct {
	Metrics
	latencies histogram
	failures  map[failureKey]*Failure
}

type failureKey struct {
	class   string
	unknown bool
}

func (t *tally) add(e event) {
	switch e.kind {
	case ack:
		t.acknowledge(e)
	case failure, unknown:
		t.Errors++
		if e.kind == unknown {
			t.Unknown++
		}
		key := failureKey{e.class, e.kind == unknown}
		if t.failures == nil {
			t.failures = map[failureKey]*Failure{}
		}
		f := t.failures[key]
		if f == nil {
			f = &Failure{Class: e.class, Unknown: key.unknown, First: e.at, Example: e.message}
			t.failures[key] = f
		}
		f.Count++
		f.Last = e.at
	default:
	}
}

func (t *tally) acknowledge(e event) {
	t.Acknowledged++
	if t.ServedBy == nil {
		t.ServedBy = map[int]int64{}
	}
	t.ServedBy[e.server]++
	if e.latency > t.latencies.max {
		t.MaxLatencyAt = e.at
	}
	t.latencies.add(e.latency)
	if !t.LastAck.IsZero() {
		t.gap(t.LastAck, milliseconds(e.at.Sub(t.LastAck)))
	}
	if e.at.After(t.LastAck) {
		t.LastAck = e.at
	}
}

func (t *tally) gap(at time.Time, ms float64) {
	if ms > t.LongestGapMS {
		t.LongestGapMS, t.LongestGapAt = ms, at
	}
}

func (t *tally) metrics() Metrics {
	m := t.Metrics
	m.ServedBy = maps.Clone(m.ServedBy)
	m.MaxLatencyMS = milliseconds(t.latencies.max)
	m.P50LatencyMS = milliseconds(t.latencies.quantile(0.5))
	m.P99LatencyMS = milliseconds(t.latencies.quantile(0.99))
	m.Failures = []Failure{}
	for _, f := range t.failures {
		m.Failures = append(m.Failures, *f)
	}
	slices.SortFunc(m.Failures, func(a, b Failure) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Class, b.Class))
	})
	return m
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
