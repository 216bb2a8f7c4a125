package check_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
)

func TestConsumersOfBlueAreNamed(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	createDatabase(t, s, weird, `SELECT pg_create_logical_replication_slot('debezium', 'pgoutput')`,
		`SELECT pg_create_physical_replication_slot('standby_1')`)
	receiver := s.Cluster.Command(t.Context(), s.Cluster.Account, "pg_receivewal", "--no-password", "--directory", pgtest.Directory(t),
		"--host", "127.0.0.1", "--port", fmt.Sprint(s.Port), "--username", pgtest.Superuser)
	if err := receiver.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = receiver.Process.Kill(); _ = receiver.Wait() }()
	var found []finding.Finding
	pgtest.Eventually(t, time.Minute, "the receiver is connected", func() bool {
		found = run(t, s, 18)
		return len(with("replication-consumers", found)) == 3
	})
	want(t, found, "replication-consumers", finding.Nothing, "logical replication slot debezium", "Create the slot on green")
	want(t, found, "replication-consumers", finding.Nothing, "physical replication slot standby_1", "Make a new standby")
	want(t, found, "replication-consumers", finding.Nothing, "standby pg_receivewal at 127.0.0.1", "Make a new standby")
}

func TestLibrariesToBeLoadedFirstAreThere(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	s.Exec(t, "postgres", `ALTER SYSTEM SET shared_preload_libraries = pg_stat_statements, "old_snapshot", auto_explain`)
	restart := func() {
		if err := s.Cluster.Stop(t.Context(), "fast"); err != nil {
			t.Fatal(err)
		}
		s = pgtest.Run(t, s.Cluster)
	}
	restart()
	found := run(t, s, 18)
	const fix = `ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements', 'auto_explain';`
	want(t, found, "preload-libraries", finding.Nothing, "library old_snapshot in shared_preload_libraries of blue",
		"Install it for the new version, or "+fix)
	if len(found) != 1 {
		t.Errorf("found %s", show(found))
	}
	s.Exec(t, "postgres", fix)
	restart()
	if found := run(t, s, 18); len(found) > 0 {
		t.Errorf("after the fix found %s", show(found))
	}
}

func TestExtensionsInTemplatesAreFound(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	s.Exec(t, "template1", `CREATE EXTENSION old_snapshot`)
	want(t, run(t, s, 18), "extensions", finding.Upgrade, "extension old_snapshot in database template1", "DROP EXTENSION old_snapshot;")
}

func TestADatabaseWithoutPLpgSQLIsFound(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	createDatabase(t, s, weird, `DROP EXTENSION plpgsql`)
	found := run(t, s, 18)
	want(t, found, "plpgsql", finding.Upgrade, `language plpgsql in database "We""ird; DROP"`, "CREATE EXTENSION plpgsql;")
	if len(found) != 1 {
		t.Errorf("found\n%s", show(found))
	}
}

func TestEveryContribExtensionIsHealthy(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	s.Exec(t, "postgres", `DO $$ DECLARE e text; BEGIN
		FOR e IN SELECT name FROM pg_available_extensions WHERE name NOT IN ('plpgsql', 'adminpack', 'old_snapshot')
			AND name !~ '^(plperl|plpython|pltcl|jsonb_pl|hstore_pl|ltree_pl|bool_pl)' LOOP
			EXECUTE format('CREATE EXTENSION %I CASCADE', e);
		END LOOP; END $$`)
	if found := run(t, s, 18); len(found) > 0 {
		t.Fatalf("found\n%s", show(found))
	}
}

func TestSynchronousStandbysThatGreenCouldStandForAreFound(t *testing.T) {
	t.Parallel()
	const object, fix = "setting synchronous_standby_names of blue", "Name the standbys"
	for value, found := range map[string]int{"*": 1, `FIRST 1 (a, "*")`: 1, "any 2 (*, b)": 1, `FIRST 1 (a, "b*")`: 0, "a": 0} {
		s := pgtest.Start(t, 15, settings("synchronous_standby_names", value, "synchronous_commit", "local")...)
		all := run(t, s, 18)
		if got := with("synchronous-names", all); len(got) != found {
			t.Errorf("%s: %s", value, show(got))
		}
		if found > 0 {
			want(t, all, "synchronous-names", finding.Nothing, object, fix)
		}
	}
}
