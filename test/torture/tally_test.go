package torture

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pgteal/pgteal/internal/audit"
)

// promised is how soon clients can write again once a fault is over: where pgteal lives and holds them, when max_pause is over, too.
func (k *kind) promised() time.Duration {
	if k.kills {
		return 2 * time.Second
	}
	return maxPause + 2*time.Second
}

// tally adds rounds up.
type tally struct {
	begun                 time.Time
	rounds, failed        int
	switchovers           int
	rollbacks             int
	kinds                 map[string]*kindTally
	acknowledged          int64
	lost, repeated, other int64
	errors                map[string]int64 // that clients saw, by class
	unknown               int64
}

// kindTally is what came of a kind of faults.
type kindTally struct {
	strikes, missed, repeats int
	ends                     map[string]int
	longest                  time.Duration // without a write in a database
	slowest                  time.Duration // from the fault's end until clients of every database and path could write again
	late                     []uint64      // the seeds of the rounds where that took longer than promised
}

func newTally() *tally {
	return &tally{begun: time.Now(), kinds: map[string]*kindTally{}, errors: map[string]int64{}}
}

// add adds a round.
func (t *tally) add(r *round) {
	t.rounds++
	if r.t.Failed() {
		t.failed++
	}
	if r.load == nil { // there was no upgrade yet
		return
	}
	for _, a := range r.attempts() {
		switch {
		case a.Outcome != "switched":
		case a.To == "green":
			t.switchovers++
		default:
			t.rollbacks++
		}
	}
	t.acknowledged += r.verdict.Acknowledged
	t.lost += r.verdict.Lost
	t.repeated += r.verdict.Duplicated
	t.other += r.verdict.Phantom + r.verdict.Half + int64(len(r.verdict.SumsBroken))
	t.unknown += r.verdict.Unknown
	for _, f := range r.verdict.Failures {
		t.errors[f.Class] += f.Count
	}
	r.measure()
	for _, record := range r.records {
		t.addRecord(record, r.plan.seed)
	}
}

func (t *tally) addRecord(r *record, seed uint64) {
	k := t.kinds[r.name]
	if k == nil {
		k = &kindTally{ends: map[string]int{}}
		t.kinds[r.name] = k
	}
	if r.missed {
		k.missed++
		return
	}
	k.strikes++
	k.repeats += r.repeats
	k.ends[r.ended]++
	k.longest = max(k.longest, r.gap)
	k.slowest = max(k.slowest, r.again)
	if r.again > r.promised() {
		k.late = append(k.late, seed)
	}
}

// measure finds in the writers' logs for how long nobody could write around each strike, and how soon all could again.
func (r *round) measure() {
	last := map[string]time.Time{} // by path and database: the last answer
	err := audit.EachAck(r.site.Logs(), func(a audit.Ack) {
		path, _, _ := strings.Cut(a.Operation, "-")
		for _, record := range r.records {
			record.see(path+" "+a.Database, a.At, last)
		}
		last[path+" "+a.Database] = a.At
	})
	if err != nil {
		r.t.Error(err)
	}
}

// see looks at an answer that clients of a path got.
func (r *record) see(path string, at time.Time, last map[string]time.Time) {
	if r.struck.IsZero() {
		return
	}
	before, seen := last[path]
	if !seen {
		return
	}
	if end := latestOf(r.settled, r.healed); at.After(r.struck) && before.Before(end) {
		r.gap = max(r.gap, at.Sub(before))
	}
	if !r.healed.IsZero() && at.After(r.healed) && !before.After(r.healed) {
		r.again = max(r.again, at.Sub(r.healed))
	}
}

func latestOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// String is the table.
func (t *tally) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d rounds in %s, %d of them failed: %d switchovers, %d rollbacks\n",
		t.rounds, time.Since(t.begun).Round(time.Second), t.failed, t.switchovers, t.rollbacks)
	fmt.Fprintf(&text, "acknowledged %d, lost %d, repeated %d, otherwise wrong %d; unknown outcomes %d; errors that clients saw:",
		t.acknowledged, t.lost, t.repeated, t.other, t.unknown)
	for _, class := range slices.Sorted(maps.Keys(t.errors)) {
		fmt.Fprintf(&text, " %s %d", class, t.errors[class])
	}
	fmt.Fprintf(&text, "\n\n%-42s %7s %8s %7s %12s %14s  %s\n", "fault", "strikes", "too late", "repeats", "longest gap", "again after", "how it ended")
	for _, name := range slices.Sorted(maps.Keys(t.kinds)) {
		k := t.kinds[name]
		ends := slices.SortedFunc(maps.Keys(k.ends), func(a, b string) int { return cmp.Or(cmp.Compare(k.ends[b], k.ends[a]), cmp.Compare(a, b)) })
		for i, end := range ends {
			ends[i] = fmt.Sprintf("%s %d", end, k.ends[end])
		}
		fmt.Fprintf(&text, "%-42s %7d %8d %7d %9d ms %11d ms  %s\n", name, k.strikes, k.missed, k.repeats,
			k.longest.Milliseconds(), k.slowest.Milliseconds(), strings.Join(ends, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(t.kinds)) {
		if late := t.kinds[name].late; len(late) > 0 {
			fmt.Fprintf(&text, "later than promised after %q: seeds %v\n", name, late)
		}
	}
	return text.String()
}
