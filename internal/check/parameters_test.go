package check_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// parameter returns one of s's parameters, for the upgrade or for the way back.
func parameter(t testing.TB, target check.Target, name string, wayBack bool) check.Parameter {
	t.Helper()
	all, err := check.Parameters(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(p check.Parameter) bool { return p.Name == name && p.WayBack == wayBack })
	if i < 0 {
		t.Fatalf("no parameter %s among %+v", name, all)
	}
	return all[i]
}

// follow makes s follow publisher in database as blue follows green on the way back, in a subscription of the name.
func follow(t testing.TB, publisher, s *pgtest.Server, database, name string) error {
	t.Helper()
	publisher.Exec(t, database, fmt.Sprintf(`SELECT pg_create_logical_replication_slot('%s', 'pgoutput')`, name))
	return s.In(t.Context(), database, func(conn *pgx.Conn) error {
		return postgres.Subscribe(t.Context(), conn, postgres.Subscription{
			Name: name, Publisher: publisher.Server, Database: database, Start: 1,
		}, publisher.Cluster.Major)
	})
}

// pair is a publisher of table t in databases shop and books, and a server with the settings that has the same tables.
func pair(t testing.TB, major int, pairs ...string) (publisher, s *pgtest.Server) {
	t.Helper()
	publisher, s = pgtest.Start(t, 18), pgtest.Start(t, major, settings(pairs...)...)
	for _, name := range []string{"shop", "books"} {
		createDatabase(t, publisher, name, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE PUBLICATION pgteal FOR TABLE t`)
		createDatabase(t, s, name, `CREATE TABLE t (id int PRIMARY KEY)`)
	}
	return publisher, s
}

// Each server has room for less subscriptions than it has databases, and refuses one as the finding says.
func TestAServerWithoutRoomForTheWayBackIsFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		major          int
		check, setting string
		value, wanted  int
		refuses        string
	}{
		{17, "replication-origins", "max_replication_slots", 1, 3, "could not find free replication state slot"},
		{13, "replication-origins", "max_replication_slots", 1, 3, "could not find free replication state slot"},
		{18, "replication-origins", "max_active_replication_origins", 1, 3, "could not find free replication state slot"},
		{18, "logical-replication-workers", "max_logical_replication_workers", 1, 3, "out of logical replication worker slots"},
		{13, "logical-replication-workers", "max_logical_replication_workers", 1, 3, "out of logical replication worker slots"},
		{17, "worker-processes", "max_worker_processes", 2, 4, "out of background worker slots"},
	} {
		t.Run(fmt.Sprintf("%s of %d", c.setting, c.major), func(t *testing.T) {
			t.Parallel()
			publisher, s := pair(t, c.major, c.setting, fmt.Sprint(c.value))
			target := check.Target{Blue: s.Server, To: 19}
			f := with(c.check, runTarget(t, target))
			if len(f) != 1 || f[0].Blocks != finding.Switchover || f[0].Object != "setting "+c.setting+" of blue" ||
				!strings.Contains(f[0].Fix, fmt.Sprintf("Set %s to %d", c.setting, c.wanted)) {
				t.Fatalf("found %s", show(f))
			}
			if p := parameter(t, target, c.setting, true); p.Enough || !p.Restart || *p.Used != 0 {
				t.Errorf("%+v", p)
			}
			var refusal error
			for i, database := range []string{"shop", "books"} {
				if err := follow(t, publisher, s, database, fmt.Sprintf("other_%d", i)); err != nil {
					refusal = err
				}
			}
			pgtest.Eventually(t, time.Minute, "the server says "+c.refuses, func() bool {
				return refusal != nil && strings.Contains(refusal.Error(), c.refuses) || logged(t, s, c.refuses)
			})
			if p := parameter(t, target, c.setting, true); *p.Used == 0 {
				t.Errorf("what others use is not counted: %+v", p)
			}
		})
	}
}

// What is just enough is enough: blue follows in all its databases, and no table is copied.
func TestRoomThatIsJustEnoughForTheWayBack(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 18} {
		pairs := []string{
			"max_replication_slots", "3", "max_logical_replication_workers", "3", "max_worker_processes", "4",
			"max_sync_workers_per_subscription", "0", "max_wal_senders", "4",
		}
		if major >= 18 {
			pairs = append(pairs, "max_active_replication_origins", "3")
		}
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			publisher, s := pair(t, major, pairs...)
			publisher.Exec(t, "postgres", `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE PUBLICATION pgteal FOR TABLE t`)
			s.Exec(t, "postgres", `CREATE TABLE t (id int PRIMARY KEY)`)
			if found := runTarget(t, check.Target{Blue: s.Server, To: 19}); strings.Contains(show(found), "setting ") {
				t.Fatalf("found %s", show(found))
			}
			for i, database := range []string{"shop", "books", "postgres"} {
				if err := follow(t, publisher, s, database, fmt.Sprintf("pgteal_%d", i)); err != nil {
					t.Fatal(err)
				}
				publisher.Exec(t, database, `INSERT INTO t VALUES (1)`)
				conn := s.Connect(t, database)
				pgtest.Eventually(t, time.Minute, "the row arrives", func() (there bool) {
					err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM t)`).Scan(&there)
					return err == nil && there
				})
			}
			for _, name := range []string{"max_logical_replication_workers", "max_worker_processes"} { // pgteal's own do not count
				if p := parameter(t, check.Target{Blue: s.Server, To: 19}, name, true); *p.Used != 0 || !p.Enough {
					t.Errorf("%+v", p)
				}
			}
		})
	}
}

func TestRowsOfOneSettingAskForOneValue(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 17)
	s.Exec(t, "postgres", `ALTER SYSTEM SET max_replication_slots = 2`, `CREATE DATABASE two`, `CREATE DATABASE three`)
	if err := s.Cluster.Stop(t.Context(), "fast"); err != nil {
		t.Fatal(err)
	}
	s = pgtest.Run(t, s.Cluster)
	s.Exec(t, "postgres", `SELECT pg_create_physical_replication_slot('standby')`,
		`ALTER DATABASE three ALLOW_CONNECTIONS false`) // the check databases has it let in: that shall not take another restart
	found := run(t, s, 18)
	const fix = "ALTER SYSTEM SET max_replication_slots = 4; then restart blue."
	want(t, found, "replication-slots", finding.Upgrade, "setting max_replication_slots of blue", fix)
	want(t, found, "replication-origins", finding.Switchover, "setting max_replication_slots of blue", fix)
	s.Exec(t, "postgres", `ALTER SYSTEM SET max_replication_slots = 50`)
	want(t, run(t, s, 18), "replication-slots", finding.Upgrade, "setting max_replication_slots of blue", "Restart blue")
}

func TestTooFewConnectionsAreFound(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 18} {
		s := pgtest.Start(t, major, settings("max_connections", "6", "superuser_reserved_connections", "1", "max_wal_senders", "4")...)
		target := check.Target{Blue: s.Server, To: 19}
		s.Exec(t, "postgres", `CREATE ROLE rds_superuser`, `CREATE ROLE cloud LOGIN IN ROLE rds_superuser`)
		asCloud := target
		asCloud.Blue = s.As("cloud", "", "")
		if p := parameter(t, asCloud, "max_connections", false); *p.Used != 1 {
			t.Errorf("reserved connections are not for this role: %+v", p)
		}
		_ = s.Connect(t, "postgres") // it calls itself pgteal
		if f := with("connections", runTarget(t, target)); len(f) > 0 {
			t.Fatalf("found %s", show(f))
		}
	}
	s := pgtest.Start(t, 15, settings("max_connections", "7", "max_wal_senders", "4")...)
	for range 3 {
		if _, err := s.Connect(t, "postgres").Exec(t.Context(), `SET application_name = shop`); err != nil {
			t.Fatal(err)
		}
	}
	pgtest.Eventually(t, time.Minute, "the sessions are seen", func() bool {
		return *parameter(t, check.Target{Blue: s.Server, To: 18}, "max_connections", false).Used == 3
	})
	// One that we may not open would be an error, so only parameters are asked for.
	p := parameter(t, check.Target{Blue: s.Server, To: 18}, "max_connections", false)
	if p.Finding == nil || p.Finding.Blocks != finding.Nothing || !strings.HasPrefix(p.Finding.Fix, "Set max_connections to 8") {
		t.Errorf("%+v", p.Finding)
	}
	s.Exec(t, "postgres", `CREATE DATABASE two`, `CREATE DATABASE three`)
	p = parameter(t, check.Target{Blue: s.Server, To: 18}, "max_connections", false)
	if p.Finding == nil || p.Finding.Blocks != finding.Switchover || !strings.Contains(p.Finding.Reason, "others use 3. pgteal needs 9") {
		t.Errorf("%+v", p.Finding)
	}
}

func TestAShortTimeoutIsNamed(t *testing.T) {
	t.Parallel()
	publisher, s := pair(t, 15)
	s.Exec(t, "postgres", `ALTER SYSTEM SET wal_receiver_timeout = '2s'`, `ALTER SYSTEM SET wal_sender_timeout = '2s'`, `SELECT pg_reload_conf()`)
	pgtest.Eventually(t, time.Minute, "the timeout is named", func() bool { return len(with("replication-timeouts", run(t, s, 18))) == 1 })
	want(t, run(t, s, 18), "replication-timeouts", finding.Nothing, "setting wal_receiver_timeout of blue",
		"ALTER SYSTEM SET wal_receiver_timeout = 60000; SELECT pg_reload_conf();")
	if err := follow(t, publisher, s, "shop", "pgteal_5"); err != nil {
		t.Fatal(err)
	}
	conn := publisher.Connect(t, "postgres")
	var stopped []int
	defer func() {
		for _, pid := range stopped {
			_ = syscall.Kill(pid, syscall.SIGCONT) // it may be gone
		}
	}()
	pgtest.Eventually(t, time.Minute, "the apply worker ends", func() bool {
		var sender int
		// Before it streams, its reader waits without a limit.
		err := conn.QueryRow(t.Context(), `SELECT active_pid FROM pg_replication_slots JOIN pg_stat_replication ON pid = active_pid
			WHERE state = 'streaming'`).Scan(&sender)
		if err == nil && !slices.Contains(stopped, sender) && syscall.Kill(sender, syscall.SIGSTOP) == nil { // busy, as far as its reader can tell
			stopped = append(stopped, sender)
		}
		return logged(t, s, "terminating logical replication worker due to timeout")
	})
}

// Once pgteal's slots are there, the guardrail way-back looks, which can be overridden.
func TestTheWayBackIsLeftToItsGuardrailOncePrepared(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15, settings("max_logical_replication_workers", "0")...)
	target := check.Target{Blue: s.Server, To: 18}
	if f := with("logical-replication-workers", runTarget(t, target)); len(f) != 1 {
		t.Fatalf("found %s", show(f))
	}
	s.Exec(t, "postgres", `SELECT pg_create_logical_replication_slot('pgteal_5', 'pgoutput')`)
	if f := with("logical-replication-workers", runTarget(t, target)); len(f) > 0 {
		t.Errorf("found %s", show(f))
	}
	if p := parameter(t, target, "max_logical_replication_workers", true); p.Enough {
		t.Errorf("%+v", p)
	}
}

func TestParametersForARoleThatIsNoSuperuser(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 18} {
		s := pgtest.Start(t, major)
		s.Exec(t, "postgres", `CREATE ROLE rds_superuser`, `CREATE ROLE "We""ird; DROP" LOGIN IN ROLE rds_superuser`)
		all, err := check.Parameters(t.Context(), check.Target{Blue: s.As(`We"ird; DROP`, "", ""), To: 19})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if !p.Enough || p.Finding != nil || p.Value == "" || p.Why == "" {
				t.Errorf("%d: %+v", major, p)
			}
		}
	}
}

func TestSpillsOfOthersAreTold(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 17, settings("logical_decoding_work_mem", "64kB")...)
	target := check.Target{Blue: s.Server, To: 18}
	if p := parameter(t, target, "logical_decoding_work_mem", false); strings.Contains(p.Why, "others") {
		t.Errorf("%+v", p)
	}
	s.Exec(t, "postgres", `CREATE TABLE t (id int PRIMARY KEY)`, `SELECT pg_create_logical_replication_slot('debezium', 'test_decoding')`,
		`INSERT INTO t SELECT generate_series(1, 10000)`, `SELECT count(*) FROM pg_logical_slot_peek_changes('debezium', NULL, NULL)`)
	pgtest.Eventually(t, time.Minute, "the spill is told", func() bool {
		return strings.Contains(parameter(t, target, "logical_decoding_work_mem", false).Why, "the slots of others have written 1 transactions")
	})
}

func TestTheRateOfWALIsComparedWithWhatASlotMayKeep(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15, settings("max_slot_wal_keep_size", "1MB")...)
	stop, ended := make(chan struct{}), make(chan struct{})
	conn := s.Connect(t, "postgres")
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = conn.Exec(t.Context(), `SELECT pg_logical_emit_message(false, 'x', repeat('x', 100000))`)
			}
		}
	}()
	defer func() { close(stop); <-ended }()
	pgtest.Eventually(t, time.Minute, "the rate is told", func() bool {
		f := with("wal-space", run(t, s, 18))
		return len(f) == 1 && strings.Contains(f[0].Reason, "measured just now") && strings.Contains(f[0].Reason, "the 1 MB that a slot may keep last") &&
			f[0].Blocks == finding.Upgrade && f[0].Repair == nil && strings.Contains(f[0].Fix, "max_slot_wal_keep_size")
	})
}
