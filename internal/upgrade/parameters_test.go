package upgrade_test

import (
	"strings"
	"testing"

	"github.com/pgteal/pgteal/test/site"
)

// Between the check and the parameters somebody takes the room that was there.
func TestRoomThatSomebodyTakesAfterTheCheckIsMissed(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	kill(t, s, "prepare", point{When: after, Step: "check", Event: "done"})
	s.Blue.Exec(t, "postgres", `SELECT pg_create_physical_replication_slot('taken_' || i)
		FROM generate_series(1, current_setting('max_replication_slots')::int) i`)
	said, err := spawn(t, s, "prepare", point{})
	if err == nil {
		t.Fatal("it did not miss the room")
	}
	for _, text := range []string{"setting max_replication_slots of blue", "of which others use", "pgteal needs"} {
		if !strings.Contains(said, text) {
			t.Errorf("it does not say %q:\n%s", text, said)
		}
	}
	s.Blue.Exec(t, "postgres", `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots`)
	kill(t, s, "prepare", point{When: after, Step: "parameters", Event: "done"})
}
