package verify_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/verify"
)

// servers is a blue and a green server. Databases on them, made by replicate, follow each other.
type servers struct {
	blue, green *pgtest.Server
}

func start(t testing.TB, blue, green int, settings ...pgctl.Setting) servers {
	t.Helper()
	settings = append([]pgctl.Setting{
		{Name: "max_worker_processes", Value: "32"},
		{Name: "max_logical_replication_workers", Value: "16"},
		{Name: "max_replication_slots", Value: "20"},
		{Name: "max_wal_senders", Value: "20"},
		{Name: "max_prepared_transactions", Value: "5"},
		{Name: "wal_retrieve_retry_interval", Value: "50ms"},
		{Name: "autovacuum_naptime", Value: "1s"},
	}, settings...)
	var s servers
	s.blue, s.green = pgtest.Start(t, blue, settings...), pgtest.Start(t, green, settings...)
	return s
}

// replicated is a database of which green's follows blue's, by a subscription that copied nothing: what is there in the beginning
// was made on both sides alike.
type replicated struct {
	servers
	postgres.Database
}

// replicate makes a database with the same contents on both sides. It ends with the test.
func (s servers) replicate(t testing.TB, name string, both ...string) replicated {
	t.Helper()
	d := replicated{servers: s, Database: postgres.Database{Name: name}}
	for _, server := range []*pgtest.Server{s.blue, s.green} {
		server.Exec(t, "postgres", "CREATE DATABASE "+postgres.Ident(name))
		server.Exec(t, name, append([]string{postgres.SchemaSQL}, both...)...)
	}
	conn := s.blue.Connect(t, name)
	if err := conn.QueryRow(t.Context(), "SELECT oid FROM pg_database WHERE datname = current_database()").Scan(&d.OID); err != nil {
		t.Fatal(err)
	}
	s.blue.Exec(t, name, "CREATE PUBLICATION pgteal FOR ALL TABLES")
	s.green.Exec(t, name, fmt.Sprintf("CREATE SUBSCRIPTION %s CONNECTION %s PUBLICATION pgteal WITH (copy_data = false)",
		d.subscription(), postgres.Literal(s.blue.Conninfo(name))))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = s.green.In(ctx, name, func(conn *pgx.Conn) error { // the servers end soon after, whatever comes of it
			_, err := conn.Exec(ctx, "DROP SUBSCRIPTION "+d.subscription())
			return err
		})
	})
	return d
}

func (d replicated) subscription() string { return postgres.SlotName(d.OID) }

// on runs statements on one of the servers.
func (d replicated) on(t testing.TB, server *pgtest.Server, statements ...string) {
	t.Helper()
	server.Exec(t, d.Name, statements...)
}

// catchUp waits until green has applied all that blue has committed.
func (d replicated) catchUp(t testing.TB) {
	t.Helper()
	id := strconv.Itoa(rand.Int())
	d.on(t, d.blue, "INSERT INTO pgteal.marker VALUES ("+postgres.Literal(id)+")")
	conn := d.green.Connect(t, d.Name)
	pgtest.Eventually(t, time.Minute, "green catches up", func() bool {
		var seen bool
		err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pgteal.marker WHERE id = $1)", id).Scan(&seen)
		return err == nil && seen
	})
}

func (d replicated) request() verify.Request {
	return verify.Request{From: d.blue.Server, To: d.green.Server, Databases: []postgres.Database{d.Database}}
}

// verify compares the two sides. It must not fail.
func (d replicated) verify(t testing.TB) verify.Report {
	t.Helper()
	return run(t, d.request())
}

func run(t testing.TB, request verify.Request) verify.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	report, err := verify.Run(ctx, request, nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// wantEqual fails unless a report says that so many rows are equal and all tables were compared.
func wantEqual(t testing.TB, report verify.Report, tables, rows int64) {
	t.Helper()
	if report.Mismatches != 0 || len(report.Differences) != 0 || len(unchecked(report, "table")) != 0 {
		t.Fatalf("%d mismatches, not checked %v:\n%v", report.Mismatches, report.NotChecked, report.Differences)
	}
	if report.Tables != tables || report.Rows != rows {
		t.Fatalf("compared %d tables and %d rows, wanted %d and %d", report.Tables, report.Rows, tables, rows)
	}
}

// wantDifferences fails unless a report has exactly these differences, written as kind, table and key.
func wantDifferences(t testing.TB, report verify.Report, want ...string) {
	t.Helper()
	var got []string
	for _, d := range report.Differences {
		got = append(got, string(d.Kind)+" "+d.Table+" "+d.Key)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || report.Mismatches != int64(len(want)) {
		t.Fatalf("%d mismatches:\n%q, wanted\n%q", report.Mismatches, got, want)
	}
}

// unchecked returns the objects of a kind that were not checked.
func unchecked(report verify.Report, kind string) (found []verify.NotChecked) {
	for _, n := range report.NotChecked {
		if len(n.Object) > len(kind) && n.Object[:len(kind)+1] == kind+" " {
			found = append(found, n)
		}
	}
	return found
}

// transaction is the n-th transaction of a writer.
type transaction func(ctx context.Context, tx pgx.Tx, writer, n int) error

// write runs writers until the test ends or stop is called. Each repeats its transaction, numbered, in a session of its own.
func (d replicated) write(t testing.TB, writers int, transaction transaction) (stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var mu sync.Mutex
	committed := 0
	for writer := range writers {
		conn, err := d.blue.Server.Connect(ctx, d.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(ctx, "SET search_path = public"); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			defer postgres.Close(conn)
			for n := 0; ctx.Err() == nil; n++ {
				err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return transaction(ctx, tx, writer, n) })
				switch {
				case err == nil:
					mu.Lock()
					committed++
					mu.Unlock()
				case ctx.Err() == nil && postgres.SQLState(err) != "40P01":
					t.Error(errors.Join(errors.New("a writer failed"), err))
					return
				}
			}
		})
	}
	stop = sync.OnceValue(func() int {
		cancel()
		all.Wait()
		return committed
	})
	t.Cleanup(func() { stop() })
	return stop
}
