package upgrade_test

import (
	"testing"

	"github.com/pgteal/pgteal/test/site"
)

// Whatever of check --fix was done when it was killed, abort takes that back, and nothing else.
func TestSIGKILLAroundARepairLeavesItToBeTakenBack(t *testing.T) {
	s := site.New(t, site.Options{Settings: []string{"max_replication_slots = 1"}})
	s.Blue.Exec(t, site.Weird, `CREATE TABLE "Log""; DROP" (a int)`)
	s.Blue.Exec(t, "postgres", `ALTER SYSTEM SET max_replication_slots = 2`)
	found := s.Look(t)
	const identity = `SELECT relreplident::text FROM pg_class WHERE relname = 'Log"; DROP'`
	for _, when := range []string{before, after} {
		for _, event := range []string{"begun", "done"} {
			kill(t, s, "fix", point{When: when, Step: "repair", Event: event})
			if event == "done" {
				if is := s.Ask(t, s.Blue, site.Weird, identity); is != "f" {
					t.Errorf("killed %s the end of the repair: the replica identity is %q", when, is)
				}
				succeed(t, s, "fix") // it goes on
			}
			succeed(t, s, "abort")
			found.Check(t, s.Look(t))
		}
	}
}
