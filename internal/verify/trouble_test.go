package verify_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/verify"
)

// wantNoBarrier fails while any session on green stands in the apply worker's way.
func (d replicated) wantNoBarrier(t *testing.T) {
	t.Helper()
	conn := d.green.Connect(t, d.Name)
	pgtest.Eventually(t, time.Minute, "all advisory locks on green are gone", func() bool {
		var held bool
		err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks
			WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock'
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&held)
		return err == nil && !held
	})
}

func TestRunFailsClearlyWhenAServerIsGone(t *testing.T) {
	s := start(t, 15, 18)
	d := s.replicate(t, "shop", bank, `CREATE TABLE slow (id int PRIMARY KEY)`)
	conn := s.green.Connect(t, d.Name)
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE slow"); err != nil { // the apply worker will stand here
		t.Fatal(err)
	}
	d.on(t, s.blue, "INSERT INTO slow VALUES (1)")
	done := make(chan error, 1)
	go func() {
		_, err := verify.Run(t.Context(), d.request(), nil)
		done <- err
	}()
	pgtest.Eventually(t, time.Minute, "the comparison waits at the barrier", func() bool {
		var waits bool
		err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks
			WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted)`).Scan(&waits)
		return err == nil && waits
	})
	if err := s.green.Cluster.Stop(t.Context(), "immediate"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), `database "shop"`) {
			t.Errorf("got %v", err)
		}
		t.Log(err)
	case <-time.After(time.Minute):
		t.Error("the comparison goes on without green")
	}
}

func TestRunRefusesWithoutItsSchema(t *testing.T) {
	s := pgtest.Start(t, 18)
	_, err := verify.Run(t.Context(), verify.Request{From: s.Server, To: s.Server, Databases: []postgres.Database{{Name: "postgres"}}}, nil)
	if fault.KindOf(err) != fault.Forbidden || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

func TestRunTellsWhatItDidNotCompare(t *testing.T) {
	s := start(t, 15, 18)

	t.Run("names tables whose columns differ", func(t *testing.T) {
		d := s.replicate(t, "schema", `CREATE TABLE moved (id int PRIMARY KEY, a int, b int)`, `CREATE TABLE gone (id int PRIMARY KEY)`,
			`CREATE TABLE same (a int PRIMARY KEY, b int)`, `INSERT INTO same VALUES (1, 2)`)
		d.on(t, s.green, `ALTER TABLE moved DROP a, ALTER b TYPE bigint, ADD c int`, `DROP TABLE gone`, `CREATE TABLE new (id int)`,
			`ALTER TABLE same DROP b`, `ALTER TABLE same ADD x int, ADD b int`, `ALTER TABLE same DROP x`, `UPDATE same SET b = 2`)
		report := d.verify(t)
		wantDifferences(t, report, "schema public.moved ", "schema public.gone ", "schema public.new ")
		for _, difference := range report.Differences {
			if difference.Table == "public.moved" && difference.Detail != "column a is on test server only; "+
				"column b is integer on test server and bigint on test server; column c is on test server only" {
				t.Errorf("got %q", difference.Detail)
			}
		}
		if report.Tables != 1 || report.Rows != 1 {
			t.Errorf("compared %d tables and %d rows, wanted one each", report.Tables, report.Rows)
		}
	})

	t.Run("says what is not checked", func(t *testing.T) {
		d := s.replicate(t, "unchecked", `CREATE TABLE t (id serial PRIMARY KEY)`, `CREATE UNLOGGED TABLE "U" (id int)`,
			`CREATE MATERIALIZED VIEW m AS SELECT 1 AS one`, `CREATE VIEW v AS SELECT 1 AS one`,
			`SELECT lo_create(0)`, `SELECT lo_create(0)`,
			`CREATE FOREIGN DATA WRAPPER w`, `CREATE SERVER s FOREIGN DATA WRAPPER w`, `CREATE FOREIGN TABLE f (id int) SERVER s`)
		var got []string
		for _, n := range d.verify(t).NotChecked {
			if n.Reason == "" || n.Database != "unchecked" {
				t.Errorf("got %+v", n)
			}
			got = append(got, n.Object)
		}
		want := "1 sequences|2 large objects|foreign table public.f|materialized view public.m|unlogged table public.\"U\""
		if strings.Join(got, "|") != want {
			t.Errorf("got %q, wanted %q", got, want)
		}
	})

	t.Run("compares the rest when one table stays locked", func(t *testing.T) {
		d := s.replicate(t, "contended", bank, `CREATE TABLE stuck (id int PRIMARY KEY)`, `INSERT INTO stuck VALUES (1)`)
		d.write(t, 2, transfer)
		conn := s.blue.Connect(t, d.Name)
		_, err := conn.Exec(t.Context(), `SET application_name = 'an old transaction'; BEGIN; INSERT INTO stuck VALUES (2)`)
		if err != nil {
			t.Fatal(err)
		}
		request := d.request()
		request.Patience = 2 * time.Second
		report := run(t, request)
		if report.Mismatches != 0 || report.Tables != bankTables || report.Rows != bankRows {
			t.Errorf("got %+v", report)
		}
		left := unchecked(report, "table")
		blocker := fmt.Sprintf(`process %d (client backend, user "postgres", application "an old transaction", idle in transaction`,
			conn.PgConn().PID())
		if len(left) != 1 || left[0].Object != "table public.stuck" || !strings.Contains(left[0].Reason, blocker) {
			t.Fatalf("not checked: %+v", report.NotChecked)
		}
		if strings.Contains(left[0].Reason, "INSERT") {
			t.Errorf("the reason holds a statement, which may hold a secret: %s", left[0].Reason)
		}
		if _, err := conn.Exec(t.Context(), "COMMIT"); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, run(t, request), bankTables+1, bankRows+2)
	})

	t.Run("names a prepared transaction that locks a table", func(t *testing.T) {
		d := s.replicate(t, "prepared", `CREATE TABLE stuck (id int PRIMARY KEY)`)
		d.on(t, s.blue, `BEGIN`, `INSERT INTO stuck VALUES (2)`)
		conn := s.blue.Connect(t, d.Name)
		for _, statement := range []string{`BEGIN`, `INSERT INTO stuck VALUES (3)`, `PREPARE TRANSACTION 'half way'`} {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		request := d.request()
		request.Patience = time.Second
		report := run(t, request)
		if left := unchecked(report, "table"); len(left) != 1 || !strings.Contains(left[0].Reason, `the prepared transaction "half way"`) {
			t.Errorf("not checked: %+v", report.NotChecked)
		}
		d.on(t, s.blue, `COMMIT PREPARED 'half way'`)
		wantEqual(t, run(t, request), 1, 1)
	})

	// A vacuum of autovacuum's that is slowed down holds its lock for long, and lets go when asked to.
	t.Run("counts a table that autovacuum is working on", func(t *testing.T) {
		d := s.replicate(t, "autovacuum", `CREATE TABLE busy (id int PRIMARY KEY, t text) WITH (autovacuum_enabled = off)`,
			`INSERT INTO busy SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i`)
		d.on(t, s.blue, `ALTER TABLE busy SET (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0,
			autovacuum_analyze_threshold = 1000000, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1,
			autovacuum_enabled = on)`,
			`UPDATE busy SET t = t || 'y'`)
		d.catchUp(t)
		conn := s.blue.Connect(t, d.Name)
		pgtest.Eventually(t, time.Minute, "autovacuum works on the table", func() bool {
			var working bool
			const query = `SELECT EXISTS (SELECT FROM pg_stat_progress_vacuum WHERE relid = 'busy'::regclass)`
			err := conn.QueryRow(t.Context(), query).Scan(&working)
			return err == nil && working
		})
		wantEqual(t, d.verify(t), 1, 20000)
	})
}

func TestRunLeavesNothingBehind(t *testing.T) {
	s := start(t, 15, 18)

	t.Run("leaves nothing behind and holds writers for a moment", func(t *testing.T) {
		d := s.replicate(t, "traces", bank)
		d.write(t, 2, transfer)
		request := d.request()
		report := run(t, request)
		if report.LongestBlockMS <= 0 || report.LongestStopMS <= 0 || report.Seconds <= 0 || report.At.IsZero() {
			t.Errorf("not measured: %+v", report)
		}
		t.Logf("writers held for %.1f ms at most, the apply worker for %.1f", report.LongestBlockMS, report.LongestStopMS)
		d.catchUp(t)
		for _, server := range []*pgtest.Server{s.blue, s.green} {
			var rows, sessions, locks int
			err := server.Connect(t, d.Name).QueryRow(t.Context(), `SELECT (SELECT count(*) FROM pgteal.barrier),
			(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pgteal'
				AND (query ~ 'barrier|LOCK TABLE|SNAPSHOT|SAVEPOINT') AND pid <> pg_backend_pid()),
			(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
				AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).
				Scan(&rows, &sessions, &locks)
			if err != nil || rows != 0 || sessions != 0 || locks != 0 {
				t.Errorf("left behind: %d barrier rows, %d sessions, %d advisory locks (%v)", rows, sessions, locks, err)
			}
		}
	})

	t.Run("fails clearly when the subscription is disabled", func(t *testing.T) {
		d := s.replicate(t, "disabled", bank)
		d.on(t, s.green, "ALTER SUBSCRIPTION "+d.subscription()+" DISABLE")
		_, err := verify.Run(t.Context(), d.request(), nil)
		if err == nil || !strings.Contains(err.Error(), "is disabled") || fault.HintOf(err) == "" {
			t.Errorf("got %v, hint %q", err, fault.HintOf(err))
		}
		d.wantNoBarrier(t)
	})

	t.Run("fails clearly when the apply worker cannot go on", func(t *testing.T) {
		d := s.replicate(t, "failing", bank)
		d.on(t, s.green, "INSERT INTO accounts VALUES (1000, 0, 'in the way')")
		d.on(t, s.blue, "INSERT INTO accounts VALUES (1000, 0, 'cannot be applied')")
		request := d.request()
		request.Patience = 2 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := verify.Run(ctx, request, nil)
		if err == nil || !strings.Contains(err.Error(), "does not run") || !strings.Contains(err.Error(), "apply_error_count") ||
			fault.HintOf(err) == "" {
			t.Errorf("got %v, hint %q", err, fault.HintOf(err))
		}
		d.wantNoBarrier(t)
		d.on(t, s.green, "DELETE FROM accounts WHERE id = 1000")
		wantEqual(t, d.verify(t), bankTables, bankRows+1)
	})

	t.Run("ends with its context", func(t *testing.T) {
		d := s.replicate(t, "stopped", bank)
		// An apply worker that stands still, but lives: only the context ends the wait.
		conn := s.green.Connect(t, d.Name)
		if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE accounts"); err != nil {
			t.Fatal(err)
		}
		d.on(t, s.blue, "UPDATE accounts SET balance = 0 WHERE id = 1")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := verify.Run(ctx, d.request(), nil)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "wait for the apply worker") {
			t.Errorf("got %v", err)
		}
		d.wantNoBarrier(t)
	})
}
