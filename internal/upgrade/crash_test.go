package upgrade_test

import (
	"slices"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/switchover"
	"github.com/pgteal/pgteal/internal/upgrade"
	"github.com/pgteal/pgteal/test/site"
)

// writers is how many clients write through PgBouncer all the time.
const writers = 4

// moment is an entry of the journal, and the command that makes it.
type moment struct{ command, step, event string }

// The plan's steps belong to the command that runs them.
func commandOf(step string) string {
	switch step {
	case "switchover", "watch":
		return "switchover"
	case "rollback", "finish":
		return step
	}
	return "prepare"
}

// moments finds the entries that the journal of an upgrade has, in their order, from one that nothing disturbed.
func moments(t *testing.T) (all []moment) {
	t.Helper()
	s := site.New(t, site.Options{})
	for _, command := range []string{"prepare", "switchover", "rollback", "switchover", "finish"} {
		succeed(t, s, command)
	}
	entries, _ := journal(t, s)
	for _, e := range entries {
		all = append(all, moment{commandOf(e.Step), e.Step, e.Event})
		if e.Event == string(switchover.Fencing) { // the process after one that was killed here backs out first
			all = append(all, moment{commandOf(e.Step), e.Step, string(switchover.BackedOut)})
		}
	}
	for _, step := range upgrade.Plan() {
		for _, event := range []string{"begun", "done"} {
			if !slices.Contains(all, moment{commandOf(step.Name), step.Name, event}) {
				t.Errorf("the plan's step %q leaves no entry %q in the journal", step.Name, event)
			}
		}
	}
	for _, step := range []string{"switchover", "rollback"} {
		for _, phase := range []switchover.Phase{switchover.Fencing, switchover.BackedOut, switchover.Committed, switchover.Switched, "turned"} {
			if !slices.Contains(all, moment{step, step, string(phase)}) {
				t.Errorf("the phase %q of %s leaves no entry in the journal", phase, step)
			}
		}
	}
	return all
}

// One upgrade, there, back and there again, whose process is killed before and after every entry that it makes in its journal, while clients
// write.
func TestSIGKILLAtEveryEntryOfTheJournalLosesNothing(t *testing.T) {
	all := moments(t)
	s := site.New(t, site.Options{})
	load := s.Load(t, s.Bouncer.Port, writers)
	begun := time.Now()
	for _, m := range all {
		for _, when := range []string{before, after} {
			at := point{When: when, Step: m.step, Event: m.event}
			kill(t, s, m.command, at)
			t.Logf("%6.1f s: killed %s", time.Since(begun).Seconds(), at)
			if !within(t, s) { // else the next process has to let them go on
				site.AwaitWrites(t, load, writers)
				if n := load.Summary().Errors; n > 0 {
					t.Fatalf("clients saw errors although nothing held them: %+v", load.Summary().Failures)
				}
			}
		}
	}
	for _, command := range []string{"switchover", "finish"} {
		succeed(t, s, command) // there is nothing left to do, and that is no error
	}
	site.AwaitWrites(t, load, writers)
	_, last := journal(t, s)
	if last.Outcome != "finished" || last.Verified == nil || last.Verified.Mismatches != 0 || last.Verified.Rows == 0 {
		t.Errorf("the upgrade ended as %q, verified %+v", last.Outcome, last.Verified)
	}
	checkServes(t, s)
	v := s.Judge(t, load, s.Green(t))
	t.Logf("%d kills; acknowledged %d, errors %d, served by %v, slowest %.0f ms",
		2*len(all), v.Acknowledged, v.Errors, v.ServedBy, v.MaxLatencyMS)
	if len(v.ServedBy) != 2 {
		t.Errorf("the clients were served by %v, not by both majors", v.ServedBy)
	}
}

// Not only at the journal's entries: the process is killed a little later into the pause each time, until an attempt has been committed.
func TestSIGKILLAtAnyInstantOfThePauseLosesNothing(t *testing.T) {
	s := site.New(t, site.Options{})
	succeed(t, s, "prepare")
	load := s.Load(t, s.Bouncer.Port, writers)
	kills := 0
	for delay := time.Duration(0); ; delay += 3 * time.Millisecond {
		at := point{When: later, Step: "switchover", Event: string(switchover.Fencing), Delay: delay}
		said, err := spawn(t, s, "switchover", at)
		if err == nil {
			t.Logf("killed %d times, then the attempt was faster than %s", kills, delay)
			break
		}
		kills++
		if _, last := journal(t, s); len(last.Attempts) == 0 {
			t.Fatalf("no attempt has begun: %v\n%s", err, said)
		} else if o := last.Attempts[len(last.Attempts)-1].Outcome; o == switchover.Committed || o == switchover.Switched {
			t.Logf("killed %d times, the last time %s after its begin: %s", kills, delay, o)
			break
		}
	}
	if kills < 5 {
		t.Errorf("%d kills are too few", kills)
	}
	succeed(t, s, "switchover")
	site.AwaitWrites(t, load, writers)
	succeed(t, s, "finish")
	checkServes(t, s)
	v := s.Judge(t, load, s.Green(t))
	t.Logf("acknowledged %d, errors %d, slowest %.0f ms", v.Acknowledged, v.Errors, v.MaxLatencyMS)
}

// within tells whether the last process died inside the pause.
func within(t *testing.T, s *site.Site) bool {
	t.Helper()
	_, last := journal(t, s)
	if len(last.Attempts) == 0 {
		return false
	}
	outcome := last.Attempts[len(last.Attempts)-1].Outcome
	return outcome == switchover.Fencing || outcome == switchover.Committed
}

// checkServes sees that green is a cluster as if it had always been there, and blue is closed.
func checkServes(t *testing.T, s *site.Site) {
	t.Helper()
	green := s.Green(t)
	for _, trace := range s.Traces(t, green) {
		t.Error("left on green: ", trace)
	}
	for _, database := range s.Databases {
		got := s.AsApp(t, s.GreenPort, database, "INSERT INTO audit.probe VALUES ('test', 1) RETURNING cluster")
		if got != "test" {
			t.Errorf("green does not take a client's write in database %q: %s", database, got)
		}
	}
	if _, err := s.Blue.Cluster.Postmaster(); err == nil {
		t.Error("blue still runs")
	}
	// Whoever starts blue again finds the cluster that it was.
	if err := s.Blue.Cluster.Start(t.Context(), s.Blue.LogFile); err != nil {
		t.Fatal(err)
	}
	for _, trace := range s.Traces(t, s.Blue) {
		t.Error("left on blue: ", trace)
	}
	pgtest.Eventually(t, time.Minute, "blue lets clients in again", func() bool {
		return s.AsApp(t, s.Blue.Port, "shop", "SELECT 'in'") == "in"
	})
}
