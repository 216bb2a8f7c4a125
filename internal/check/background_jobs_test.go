package check_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
)

func TestJobsThatGreenHasToo(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 17)
	createDatabase(t, s, weird, `CREATE SCHEMA partman`, `CREATE EXTENSION pg_partman SCHEMA partman`,
		`CREATE TABLE t (id bigint NOT NULL PRIMARY KEY) PARTITION BY RANGE (id)`, `SELECT partman.create_parent('public.t', 'id', '10')`)
	if err := s.Cluster.Stop(t.Context(), "fast"); err != nil { // pg_partman's worker gives up for ten minutes where its database is not there
		t.Fatal(err)
	}
	s = pgtest.Run(t, s.Cluster, settings("shared_preload_libraries", "pg_cron, pg_partman_bgw", "cron.database_name", weird, "autovacuum", "off",
		"pg_partman_bgw.dbname", `"We""ird; DROP"`, "pg_partman_bgw.interval", "1")...)
	s.Exec(t, weird, `CREATE EXTENSION pg_cron`)
	jobs := func() []finding.Finding { return with("background-jobs", run(t, s, 18)) }
	if f := jobs(); len(f) != 1 {
		t.Errorf("without a job of pg_cron: %s", show(f))
	}
	s.Exec(t, weird, `SELECT cron.schedule('nightly', '0 3 * * *', 'VACUUM')`)
	found := jobs()
	in := ` in database "We""ird; DROP"`
	update := fmt.Sprintf("UPDATE cron.job SET nodeport = current_setting('port')::int WHERE nodeport = %d;", s.Port)
	want(t, found, "background-jobs", finding.Nothing, `jobs of pg_cron`+in, update+` on green right after the switchover, or `+
		`ALTER SYSTEM SET cron.use_background_workers = on; restart blue.`)
	off := `UPDATE partman.part_config SET automatic_maintenance = 'off' WHERE automatic_maintenance = 'on'`
	want(t, found, "background-jobs", finding.Nothing, `pg_partman`+in, `Before pgteal prepare, let it make what the next days need, then `+off+`;`)
	holding := s.Connect(t, weird)
	if _, err := holding.Exec(t.Context(), `BEGIN; LOCK TABLE t`); err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, time.Minute, "the worker of pg_partman is found, and none of the server's own", func() bool {
		workers := with("background-workers", run(t, s, 18))
		return len(workers) == 2 && strings.Contains(workers[0].Object, "pg_partman")
	})
	if _, err := holding.Exec(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	s.Exec(t, weird, off, `UPDATE cron.job SET nodeport = 1`)
	if f := jobs(); len(f) > 0 {
		t.Errorf("still found: %s", show(f))
	}
	s.Exec(t, "postgres", `CREATE ROLE rds_superuser`, `CREATE ROLE plain LOGIN IN ROLE rds_superuser`)
	result, err := check.Run(t.Context(), check.Target{Blue: s.As("plain", "", ""), To: 18})
	found = result.Findings
	if err != nil || len(with("background-jobs", found)) > 0 {
		t.Errorf("as a role that may not see the jobs: %s, %v", show(found), err)
	}
	want(t, found, "background-workers", finding.Nothing, "setting autovacuum of blue", "Set autovacuum to on where blue's command line is made")
}
