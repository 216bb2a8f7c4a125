package check_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
)

// want fails unless exactly one finding of check is about object, blocks what it should, and has a fix that begins with fix.
func want(t *testing.T, found []finding.Finding, name string, blocks finding.Blocks, object, fix string) {
	t.Helper()
	n := 0
	for _, f := range found {
		if f.Check == name && f.Blocks == blocks && f.Object == object && strings.HasPrefix(f.Fix, fix) && f.Reason != "" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d times: %s blocks %s: %s: %s\namong\n%s", n, name, blocks, object, fix, show(found))
	}
}

func settings(pairs ...string) []pgctl.Setting {
	var all []pgctl.Setting
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, pgctl.Setting{Name: pairs[i], Value: pairs[i+1]})
	}
	return all
}

func TestSettingsOfBlueThatAreTooSmall(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 17)
	s.Exec(t, "postgres", `ALTER SYSTEM SET max_replication_slots = 1`, `ALTER SYSTEM SET max_wal_senders = 1`,
		`ALTER SYSTEM SET max_slot_wal_keep_size = '2GB'`, `CREATE DATABASE two`)
	if err := s.Cluster.Stop(t.Context(), "fast"); err != nil {
		t.Fatal(err)
	}
	s = pgtest.Run(t, s.Cluster, settings("wal_level", "replica")...)
	found := run(t, s, 18)
	const command = "where blue's command line is made"
	if f := with("wal-level", found); len(f) != 1 || !strings.Contains(f[0].Fix, command) {
		t.Errorf("wal_level was given on the command line, and the fix does not say so: %s", show(f))
	}
	want(t, found, "wal-level", finding.Upgrade, "setting wal_level of blue", "Set wal_level to logical")
	const restart = "; then restart blue."
	want(t, found, "replication-slots", finding.Upgrade, "setting max_replication_slots of blue", "ALTER SYSTEM SET "+
		"max_replication_slots = 2"+restart)
	want(t, found, "wal-senders", finding.Upgrade, "setting max_wal_senders of blue", "ALTER SYSTEM SET max_wal_senders = 3"+restart)
	want(t, found, "slot-retention", finding.Nothing, "setting max_slot_wal_keep_size of blue", "ALTER SYSTEM SET "+
		"max_slot_wal_keep_size = -1; SELECT")
	if f := with("slot-retention", found); len(f) == 1 && !strings.Contains(f[0].Reason, "2048 MB") {
		t.Errorf("it does not say for how much WAL: %s", f[0].Reason)
	}
}

func TestAnIdleSlotTimeoutIsNamed(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 18)
	s.Exec(t, "postgres", `ALTER SYSTEM SET idle_replication_slot_timeout = '10min'`, `SELECT pg_reload_conf()`)
	pgtest.Eventually(t, time.Minute, "the timeout is named", func() bool {
		return len(with("slot-retention", runTarget(t, check.Target{Blue: s.Server, To: 19}))) == 1
	})
}

func TestTransactionsInTheWay(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15, settings("max_prepared_transactions", "5")...)
	createDatabase(t, s, weird)
	s.Exec(t, weird, `BEGIN`, `CREATE TABLE x (id int PRIMARY KEY)`, `PREPARE TRANSACTION 'it''s; DROP'`)
	conn := s.Connect(t, weird)
	var pid int
	if err := conn.QueryRow(t.Context(), `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `SET application_name = shop; BEGIN; CREATE TABLE y (id int)`); err != nil {
		t.Fatal(err)
	}
	found := run(t, s, 18)
	want(t, found, "prepared-transactions", finding.Upgrade, `prepared transaction 'it''s; DROP' in database "We""ird; DROP"`,
		`COMMIT PREPARED 'it''s; DROP'; or ROLLBACK PREPARED 'it''s; DROP';`)
	if f := with("long-transactions", found); len(f) > 0 {
		t.Errorf("a transaction that has just begun is no long one: %s", show(f))
	}
	found = runTarget(t, check.Target{Blue: s.Server, To: 18, LongTransaction: time.Nanosecond})
	want(t, found, "long-transactions", finding.Nothing,
		fmt.Sprintf(`transaction of process %d, user postgres, in database "We""ird; DROP"`, pid), fmt.Sprintf("SELECT "+
			"pg_terminate_backend(%d);", pid))
	if f := with("long-transactions", found); len(f) != 1 || !strings.Contains(f[0].Reason, "has written") {
		t.Errorf("found %+v", f)
	}
}

func TestDatabasesThatPgUpgradeRefuses(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 17)
	s.Exec(t, "postgres", `CREATE DATABASE "No""body" ALLOW_CONNECTIONS false`, `ALTER DATABASE template0 ALLOW_CONNECTIONS true`,
		`CREATE DATABASE half`, `UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half'`,
		`CREATE DATABASE mule ENCODING 'MULE_INTERNAL' LOCALE 'C' TEMPLATE template0`,
		"CREATE DATABASE \"two\nlines\"", "CREATE ROLE \"two\rlines\"")
	found := run(t, s, 18)
	want(t, found, "databases", finding.Upgrade, `database "No""body"`, `ALTER DATABASE "No""body" ALLOW_CONNECTIONS true;`)
	want(t, found, "databases", finding.Upgrade, `database template0`, `ALTER DATABASE template0 ALLOW_CONNECTIONS false;`)
	want(t, found, "databases", finding.Upgrade, `database half`, `DROP DATABASE half;`)
	want(t, found, "names", finding.Upgrade, "database \"two\nlines\"", "ALTER database \"two\nlines\" RENAME TO")
	want(t, found, "encodings", finding.Upgrade, `database mule`, `Dump the database`)
	if len(with("databases", found)) != 3 || len(with("names", found)) != 1 {
		t.Errorf("found too much\n%s", show(found))
	}
	found = runTarget(t, check.Target{Blue: s.Server, To: 19})
	want(t, found, "names", finding.Upgrade, "role \"two\rlines\"", "ALTER role")
}

func TestRolesThatMayNotDoIt(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	s.Exec(t, "postgres", `CREATE ROLE "Pl""ain" LOGIN`)
	target := check.Target{Blue: s.As(`Pl"ain`, "", ""), To: 18}
	want(t, runTarget(t, target), "rights", finding.Upgrade, `role "Pl""ain"`, `ALTER ROLE "Pl""ain" SUPERUSER;`)
	s.Exec(t, "postgres", `CREATE ROLE rds_superuser`)
	want(t, runTarget(t, target), "rights", finding.Upgrade, `role "Pl""ain"`, `GRANT rds_superuser TO "Pl""ain";`)
}

func TestOnlyNewerVersionsAreTargets(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	for to, wanted := range map[int]int{13: 1, 15: 1, 16: 0, 18: 0} {
		f := with("version", runTarget(t, check.Target{Blue: s.Server, To: to}))
		if len(f) != wanted || (wanted > 0 && f[0].Blocks != finding.Upgrade) {
			t.Errorf("to %d: %s", to, show(f))
		}
	}
}

func TestAStandbyIsNoBlue(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	if f := with("recovery", run(t, s, 18)); len(f) > 0 {
		t.Fatalf("a primary: %s", show(f))
	}
	if err := s.Cluster.Stop(t.Context(), "fast"); err != nil {
		t.Fatal(err)
	}
	signal := filepath.Join(s.Cluster.DataDirectory, "standby.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Cluster.Account.Own(signal); err != nil {
		t.Fatal(err)
	}
	s = pgtest.Run(t, s.Cluster)
	want(t, run(t, s, 18), "recovery", finding.Upgrade, "blue", "Name the primary")
}

func TestRunWritesNothing(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15, settings("autovacuum", "off")...)
	createDatabase(t, s, weird, healthy...)
	conn := s.Connect(t, "postgres")
	next := func() (xid string) {
		if err := conn.QueryRow(t.Context(), `SELECT pg_snapshot_xmax(pg_current_snapshot())::text`).Scan(&xid); err != nil {
			t.Fatal(err)
		}
		return xid
	}
	pgtest.Eventually(t, time.Minute, "the sessions that made the database have ended, and what they clean up with them", func() (alone bool) {
		err := conn.QueryRow(t.Context(), `SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'client backend'`).Scan(&alone)
		return err == nil && alone
	})
	before := next()
	run(t, s, 18)
	if after := next(); after != before {
		t.Fatalf("the next transaction id was %s and is %s", before, after)
	}
}
