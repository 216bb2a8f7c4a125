package verify

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Report is what a comparison found. All of its figures were measured in that very run.
type Report struct {
	At             time.Time    `json:"at"`                 // when the comparison began: writes before it are covered
	Tables         int64        `json:"tables"`             // compared in full
	Rows           int64        `json:"rows"`               // of those tables, on From
	Mismatches     int64        `json:"mismatches"`         // rows that differ; a schema difference counts as one
	LowerBound     bool         `json:"lower_bound"`        // so much differs that mismatches is a lower bound
	Differences    []Difference `json:"differences"`        // the first DifferencesCap of them
	DifferencesCap int          `json:"differences_cap"`    //
	NotChecked     []NotChecked `json:"not_checked"`        // nothing is claimed about these
	Seconds        float64      `json:"seconds"`            //
	LongestBlockMS float64      `json:"longest_block_ms"`   // the longest time for which writers to some tables may have waited
	LongestStopMS  float64      `json:"longest_stopped_ms"` // the longest time for which an apply worker may have stood still
}

// DifferencesCap is the number of differences that a Report names. Mismatches counts the rest too.
const DifferencesCap = 1000

// notCheckedCap is the number of objects of one kind and database that are named one by one.
const notCheckedCap = 100

// Kind says how From and To differ.
type Kind string

// The kinds of differences.
const (
	Missing   Kind = "missing"   // the row is on From only
	Extra     Kind = "extra"     // the row is on To only
	Different Kind = "different" // the key is on both, other columns differ
	Schema    Kind = "schema"    // the tables themselves differ; their rows were not compared
)

// Difference is one row that differs, or one table that does.
type Difference struct {
	Database string `json:"database"`
	Table    string `json:"table"`         // with its schema, quoted where SQL needs it
	Key      string `json:"key,omitempty"` // such as `id=42` or `a=1, b='x'`; all columns where there is no key
	Kind     Kind   `json:"kind"`
	Detail   string `json:"detail,omitempty"`
}

func (d Difference) String() string {
	return fmt.Sprintf("%s %s.%s %s%s", d.Kind, d.Database, d.Table, d.Key, d.Detail)
}

// NotChecked is an object about which the comparison claims nothing.
type NotChecked struct {
	Database string `json:"database"`
	Object   string `json:"object"` // such as `table public.orders`
	Reason   string `json:"reason"`
}

// recorder collects a Report from several goroutines.
type recorder struct {
	mu     sync.Mutex
	report Report
}

func newRecorder() *recorder {
	return &recorder{report: Report{
		At: time.Now(), Differences: []Difference{}, DifferencesCap: DifferencesCap, NotChecked: []NotChecked{},
	}}
}

// compared records that a table was compared in full.
func (r *recorder) compared(rows int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Tables++
	r.report.Rows += rows
}

// differs records a difference that stands for count rows.
func (r *recorder) differs(d Difference, count int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Mismatches += count
	if len(r.report.Differences) < DifferencesCap {
		r.report.Differences = append(r.report.Differences, d)
	}
}

// lowerBound records that not every difference was counted.
func (r *recorder) lowerBound() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.LowerBound = true
}

func (r *recorder) notChecked(n NotChecked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.NotChecked = append(r.report.NotChecked, n)
}

// blocked records for how long writers may have been held, stopped for how long an apply worker may have stood still.
func (r *recorder) blocked(d time.Duration) { r.longest(&r.report.LongestBlockMS, d) }
func (r *recorder) stopped(d time.Duration) { r.longest(&r.report.LongestStopMS, d) }

func (r *recorder) longest(ms *float64, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*ms = max(*ms, float64(d.Microseconds())/1000)
}

// finish returns the report, in an order that does not depend on which table was compared first.
func (r *recorder) finish() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortStableFunc(r.report.Differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Database, b.Database), cmp.Compare(a.Table, b.Table),
			cmp.Compare(a.Key, b.Key), cmp.Compare(a.Kind, b.Kind))
	})
	slices.SortStableFunc(r.report.NotChecked, func(a, b NotChecked) int {
		return cmp.Or(cmp.Compare(a.Database, b.Database), cmp.Compare(a.Object, b.Object))
	})
	r.report.Seconds = time.Since(r.report.At).Seconds()
	return r.report
}
