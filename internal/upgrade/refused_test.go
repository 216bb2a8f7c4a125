package upgrade_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/test/site"
)

// What pg_upgrade refuses may come to be after the check has looked. Its reasons are then shown, and blue serves as before.
func TestPgUpgradeThatRefusesSaysWhyAndBlueServes(t *testing.T) {
	s := site.New(t, site.Options{})
	found := s.Look(t)
	kill(t, s, "prepare", point{When: after, Step: "publish", Event: "done"})
	s.Blue.Exec(t, "postgres", `CREATE DATABASE late`)
	s.Blue.Exec(t, "late", `CREATE TABLE "refused; DROP" (id int PRIMARY KEY, "type; DROP" regproc)`)
	for range 2 { // it can be repeated
		said, err := spawn(t, s, "prepare", point{})
		if err == nil {
			t.Fatal("pg_upgrade did not refuse")
		}
		for _, text := range []string{"late", "refused; DROP", "reg*"} {
			if !strings.Contains(said, text) {
				t.Errorf("it does not say %q:\n%s", text, said)
			}
		}
		if got := s.AsApp(t, s.Bouncer.Port, "shop", "INSERT INTO audit.probe VALUES ('test', 1) RETURNING cluster"); got != "test" {
			t.Errorf("blue does not serve: %s", got)
		}
	}
	s.Blue.Exec(t, "shop", "TRUNCATE audit.probe")
	succeed(t, s, "abort")
	s.Blue.Exec(t, "postgres", `DROP DATABASE late`)
	found.Check(t, s.Look(t))
	succeed(t, s, "prepare")
}

func TestAbortFindsADatabaseThatWasRenamed(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	found := s.Look(t)
	kill(t, s, "prepare", point{When: after, Step: "publish", Event: "done"})
	admin := s.Blue.Connect(t, "postgres")
	pgtest.Eventually(t, time.Minute, "the sessions of the killed pgteal have ended", func() bool {
		_, err := admin.Exec(t.Context(), `ALTER DATABASE shop RENAME TO "re;named"`)
		return err == nil
	})
	succeed(t, s, "abort")
	s.Blue.Exec(t, "postgres", `ALTER DATABASE "re;named" RENAME TO shop`)
	found.Check(t, s.Look(t))
	if traces := s.Traces(t, s.Blue); len(traces) > 0 {
		t.Errorf("left on blue: %q", traces)
	}
}
