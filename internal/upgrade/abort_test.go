package upgrade_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/switchover"
	"github.com/pgteal/pgteal/internal/upgrade"
	"github.com/pgteal/pgteal/test/site"
)

// untilVerify are the names of the plan's steps that prepare runs.
func untilVerify() (names []string) {
	for _, step := range upgrade.Plan() {
		if commandOf(step.Name) == "prepare" {
			names = append(names, step.Name)
		}
	}
	return names
}

// abortable makes a site with what an operator may have set that pgteal sets, too. The last line of pg_hba.conf has no end.
func abortable(t *testing.T) *site.Site {
	t.Helper()
	s := site.New(t, site.Options{})
	s.Blue.Exec(t, "postgres", "ALTER ROLE ALL SET default_transaction_read_only = off", "ALTER ROLE ALL SET work_mem = '6MB'",
		"ALTER SYSTEM SET log_min_duration_statement = '1h'", "SELECT pg_reload_conf()")
	return s
}

// cleared sees that blue is as it was found, and that nothing else is left.
func cleared(t *testing.T, s *site.Site, found site.View) {
	t.Helper()
	found.Check(t, s.Look(t))
	for _, trace := range s.Traces(t, s.Blue) {
		if !strings.HasSuffix(trace, ": {default_transaction_read_only=off,work_mem=6MB}") {
			t.Error("left on blue: ", trace)
		}
	}
	_, last := journal(t, s)
	if last.Outcome != "aborted" {
		t.Errorf("the journal says %q", last.Outcome)
	}
}

func TestAbortAfterSIGKILLInAnyStepLeavesBlueAsItWasFound(t *testing.T) {
	s := abortable(t)
	found := s.Look(t)
	// What a step has made, and nobody has written down. Of the others the next step's tells the same.
	unknown := []string{"publish", "slot", "clone"}
	for _, step := range untilVerify() {
		for _, when := range []string{while, before} {
			if when == before && !slices.Contains(unknown, step) {
				continue
			}
			at := point{When: when, Step: step, Event: "done"}
			kill(t, s, "prepare", at)
			succeed(t, s, "abort")
			cleared(t, s, found)
			if t.Failed() {
				t.Fatal(at)
			}
			t.Log(at)
		}
	}
	// What was aborted can be begun anew.
	succeed(t, s, "prepare")
	if _, last := journal(t, s); last.Verified == nil || last.Verified.Mismatches != 0 || last.Outcome != "" {
		t.Errorf("prepared anew: outcome %q, verified %+v", last.Outcome, last.Verified)
	}
}

func TestAbortAfterSIGKILLInThePauseGivesTheWritesBack(t *testing.T) {
	s := abortable(t)
	found := s.Look(t)
	for _, at := range []point{
		{When: after, Step: "switchover", Event: string(switchover.Fencing)},
		{When: before, Step: "switchover", Event: string(switchover.Committed)}, // all of blue's clients are shut out
	} {
		succeed(t, s, "prepare")
		kill(t, s, "switchover", at)
		succeed(t, s, "abort")
		cleared(t, s, found)
		const insert = "INSERT INTO audit.probe VALUES ('test', 1) RETURNING cluster"
		for _, port := range []int{s.Blue.Port, s.Bouncer.Port} {
			if got := s.AsApp(t, port, "shop", insert); got != "test" {
				t.Errorf("after %s and an abort, port %d: %s", at, port, got)
			}
		}
		s.Blue.Exec(t, "shop", "TRUNCATE audit.probe")
	}
}

// Abort itself is killed before and after every entry that it makes.
func TestAbortGoesOnAfterSIGKILLAtEveryEntryOfTheJournal(t *testing.T) {
	s := abortable(t)
	found := s.Look(t)
	succeed(t, s, "prepare")
	prepared, _ := journal(t, s)
	succeed(t, s, "abort")
	entries, _ := journal(t, s)
	succeed(t, s, "prepare")
	for _, e := range entries[len(prepared):] {
		for _, when := range []string{before, after} {
			kill(t, s, "abort", point{When: when, Step: e.Step, Event: e.Event})
		}
	}
	succeed(t, s, "abort")
	cleared(t, s, found)
}

// Whoever finds an aborted upgrade half undone may also prepare it again.
func TestPrepareGoesOnWhereAnAbortWasKilled(t *testing.T) {
	s := abortable(t)
	for _, step := range []string{"clone", "slot", "publish"} {
		succeed(t, s, "prepare")
		kill(t, s, "abort", point{When: before, Step: step, Event: "undone"})
	}
	succeed(t, s, "prepare")
	if _, last := journal(t, s); last.Verified == nil || last.Verified.Mismatches != 0 {
		t.Errorf("prepared anew, verified %+v", last.Verified)
	}
}
