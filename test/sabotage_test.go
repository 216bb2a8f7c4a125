package test

import (
	"os"
	"testing"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/test/site"
)

// remake drops a database's slot and makes it again under its name.
func remake(t *testing.T, server *pgtest.Server, database string) {
	t.Helper()
	conn := server.Connect(t, database)
	var oid uint32
	if err := conn.QueryRow(t.Context(), `SELECT oid FROM pg_database WHERE datname = current_database()`).Scan(&oid); err != nil {
		t.Fatal(err)
	}
	slot := postgres.SlotName(oid)
	if err := postgres.DropSlot(t.Context(), conn, slot); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), postgres.CreateSlotSQL, slot); err != nil {
		t.Fatal(err)
	}
}

// A slot that somebody drops and makes again has let changes go, and looks as it did. A crash of the server leaves the slot as it is.
func TestASlotThatWasMadeAgainForbidsTheSwitchoverAndTheWayBack(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	pgteal(t, done, s, "prepare")
	if err := s.Blue.Cluster.Stop(t.Context(), "immediate"); err != nil {
		t.Fatal(err)
	}
	if err := s.Blue.Cluster.Start(t.Context(), s.Blue.LogFile); err != nil {
		t.Fatal(err)
	}
	pgteal(t, done, s, "verify") // waits until replication goes on
	pgteal(t, done, s, "switchover", "--dry-run")
	remake(t, s.Blue, "shop")
	pgteal(t, done, s, "verify")
	pgteal(t, forbidden, s, "switchover").says(t, "made it again", "pgteal abort, and pgteal prepare again")
	pgteal(t, done, s, "abort")

	pgteal(t, done, s, "prepare")
	pgteal(t, done, s, "switchover")
	remake(t, s.Green(t), "shop")
	pgteal(t, done, s, "verify")
	pgteal(t, forbidden, s, "rollback").says(t, "made it again")
}

// Without its role nothing of pgteal's goes on, so the next command makes it anew where blue serves.
func TestARoleThatSomebodyDroppedOrChangedIsMadeAnew(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	found := s.Look(t)
	delete(found, "directory") // the state directory
	pgteal(t, done, s, "prepare")
	for _, statement := range []string{
		"DROP ROLE pgteal", "ALTER ROLE pgteal PASSWORD 'another'", "ALTER ROLE pgteal NOLOGIN",
		"ALTER ROLE pgteal NOSUPERUSER", "ALTER ROLE pgteal NOREPLICATION",
	} {
		s.Blue.Exec(t, "postgres", statement)
		pgteal(t, done, s, "switchover", "--dry-run").says(t, "made anew")
	}
	s.Blue.Exec(t, "postgres", "DROP ROLE pgteal")
	pgteal(t, done, s, "abort")
	now := s.Look(t)
	delete(now, "directory")
	found.Check(t, now)
}

// A synchronous standby that is gone lets commits wait for ever. pgteal's own must not: it could not give the writes back.
func TestASynchronousStandbyThatIsGoneDoesNotHoldPgtealUp(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	pgteal(t, done, s, "prepare")
	s.Blue.Exec(t, "postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
	pgteal(t, done, s, "verify")
	pgteal(t, done, s, "switchover")
	pgteal(t, forbidden, s, "rollback").says(t, "synchronous-standbys") // clients' would
	pgteal(t, done, s, "rollback", "--force", "synchronous-standbys")
	s.Blue.Exec(t, "postgres", "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
	pgteal(t, done, s, "abort")
}

// What prepare says of green is so when it is said, also where there was nothing left to do.
func TestPrepareThatWasDoneBeforeSeesThatGreenFollows(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	pgteal(t, done, s, "prepare")
	green := s.Green(t)
	if err := green.Cluster.Stop(t.Context(), "immediate"); err != nil {
		t.Fatal(err)
	}
	pgteal(t, done, s, "prepare").says(t, "Green runs")
	pgteal(t, done, s, "switchover", "--dry-run") // it runs again
	if err := green.Cluster.Stop(t.Context(), "immediate"); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(green.Cluster.DataDirectory); err != nil {
		t.Fatal(err)
	}
	pgteal(t, failed, s, "prepare").says(t, green.Cluster.DataDirectory+" is gone", "next: ")
	pgteal(t, done, s, "abort")
	pgteal(t, done, s, "prepare")
}
