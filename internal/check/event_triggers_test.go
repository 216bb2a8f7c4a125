package check_test

import (
	"testing"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// pgteal's way to make its things on blue fires exactly those event triggers that are found.
func TestEventTriggersThatPgtealFiresAreFound(t *testing.T) {
	t.Parallel()
	setup := []string{
		`CREATE TABLE fired (name text)`,
		`CREATE FUNCTION fire() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.fired VALUES (tg_tag); END'`,
		`CREATE EVENT TRIGGER ordinary ON ddl_command_end EXECUTE FUNCTION fire()`,
		`CREATE EVENT TRIGGER disabled ON ddl_command_end EXECUTE FUNCTION fire()`, `ALTER EVENT TRIGGER disabled DISABLE`,
		`CREATE EVENT TRIGGER others ON ddl_command_end WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION fire()`, `ALTER EVENT TRIGGER others ENABLE ALWAYS`,
		`CREATE EVENT TRIGGER rewrite ON table_rewrite EXECUTE FUNCTION fire()`, `ALTER EVENT TRIGGER rewrite ENABLE ALWAYS`,
		`TRUNCATE fired`,
	}
	makes := []string{`SET session_replication_role = replica`, postgres.SchemaSQL, `DROP SCHEMA pgteal CASCADE`}
	fired := func(s *pgtest.Server) (n int) {
		t.Helper()
		s.Exec(t, weird, append([]string{`TRUNCATE fired`}, makes...)...)
		if err := s.Connect(t, weird).QueryRow(t.Context(), `SELECT count(*) FROM fired`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, major := range []int{13, 15} {
		s := pgtest.Start(t, major)
		createDatabase(t, s, weird, setup...)
		if found := with("event-triggers", run(t, s, 18)); len(found) > 0 || fired(s) > 0 {
			t.Errorf("%d: %d fired, found\n%s", major, fired(s), show(found))
		}
		s.Exec(t, weird, `CREATE EVENT TRIGGER "Tr""i; DROP" ON sql_drop EXECUTE FUNCTION fire()`, `ALTER EVENT TRIGGER "Tr""i; DROP" ENABLE ALWAYS`,
			`CREATE EVENT TRIGGER replica ON ddl_command_end WHEN TAG IN ('CREATE SCHEMA', 'GRANT') EXECUTE FUNCTION fire()`,
			`ALTER EVENT TRIGGER replica ENABLE REPLICA`)
		if n := fired(s); n != 2 {
			t.Errorf("%d: %d fired", major, n)
		}
		found := run(t, s, 18)
		always, replica := `ALTER EVENT TRIGGER "Tr""i; DROP" ENABLE;`, `ALTER EVENT TRIGGER replica DISABLE;`
		want(t, found, "event-triggers", finding.Upgrade, `event trigger "Tr""i; DROP" in database "We""ird; DROP"`, always)
		want(t, found, "event-triggers", finding.Upgrade, `event trigger replica in database "We""ird; DROP"`, replica)
		s.Exec(t, weird, always, replica)
		if found := with("event-triggers", run(t, s, 18)); len(found) > 0 || fired(s) > 0 {
			t.Errorf("%d, mended: %d fired, found\n%s", major, fired(s), show(found))
		}
	}

	s := pgtest.Start(t, 17)
	createDatabase(t, s, weird, append(setup, `ALTER EVENT TRIGGER ordinary ENABLE ALWAYS`)...)
	if found := run(t, s, 18); len(with("event-triggers", found)) > 0 || fired(s) == 0 {
		t.Errorf("17: %d fired, found\n%s", fired(s), show(found))
	}
	makes = append([]string{`SET event_triggers = off`}, makes...)
	if n := fired(s); n != 0 {
		t.Errorf("17: %d fired although event_triggers is off", n)
	}
}
