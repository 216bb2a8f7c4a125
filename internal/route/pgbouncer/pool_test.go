package pgbouncer_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route/routetest"
)

// at asks a client for its server's port on a goroutine that ends before the test's connections are closed.
func at(t *testing.T, client *pgx.Conn) <-chan int {
	t.Helper()
	port, ended := make(chan int, 1), make(chan struct{})
	go func() {
		defer close(ended)
		var n int
		if err := client.QueryRow(t.Context(), "SELECT inet_server_port()").Scan(&n); err != nil {
			t.Errorf("a client that was held: %v", err)
		}
		port <- n
	}()
	t.Cleanup(func() { <-ended })
	return port
}

// arrives fails the test unless what at has asked is answered with port.
func arrives(t *testing.T, asked <-chan int, port int) {
	t.Helper()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	select {
	case n := <-asked:
		if n != port {
			t.Errorf("a client is at port %d, want %d", n, port)
		}
	case <-limit.C:
		t.Error("a client is still held")
	}
}

func TestWhatIsHeldDependsOnTheKindOfPooling(t *testing.T) {
	a, b := pgtest.Start(t, 15), pgtest.Start(t, 15)
	t.Run("statement pooling is held between statements", func(t *testing.T) { statementPooling(t, a, b) })
	t.Run("session pooling holds clients that have no server yet", func(t *testing.T) { sessionPooling(t, a, b) })
}

func statementPooling(t *testing.T, a, b *pgtest.Server) {
	t.Helper()
	p := start(t, a, shop, "pool_mode=statement")
	r, console := open(t, p), connectConsole(t, p)
	running, other := connect(t, p, "shop"), connect(t, p, "shop")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := running.Exec(ctx, "SELECT pg_sleep(600)")
		ended <- err
	}()
	conn := a.Connect(t, "postgres")
	asleep := func() (is bool) {
		if err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')").Scan(&is); err != nil {
			t.Fatal(err)
		}
		return is
	}
	pgtest.Eventually(t, time.Minute, "the statement runs", asleep)
	holdRunsOut(t, r, `1 of database "shop"`)
	if !asleep() {
		t.Error("Hold has ended a statement")
	}
	a.Exec(t, "postgres", "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
	if err := <-ended; err == nil {
		t.Error("the statement has ended by itself")
	}
	if err := r.Hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := at(t, other)
	pgtest.Eventually(t, time.Minute, "the client is held", func() bool { return waiting(t, console) == 1 })
	if err := r.Point(t.Context(), routetest.Endpoint(b)); err != nil {
		t.Fatal(err)
	}
	if err := r.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	arrives(t, asked, b.Port)
	if f, ok := found(t, r)["pgbouncer-session-pooling"]; ok {
		t.Errorf("there is the finding %+v", f)
	}
}

// sessionPooling: a client is held from its connection to its first statement, and not after it.
func sessionPooling(t *testing.T, a, b *pgtest.Server) {
	t.Helper()
	p := start(t, a, shop, "pool_mode=session")
	r, console := open(t, p), connectConsole(t, p)
	// PgBouncer has to have met the server once before it lets clients in by itself.
	if err := connect(t, p, "shop").Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	early := connect(t, p, "shop") // has said nothing yet
	if f := found(t, r)["pgbouncer-session-pooling"]; f.Blocks != finding.Nothing {
		t.Errorf("with no client that stays there is the finding %+v, want a remark", f)
	}
	if err := r.Hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	late := connect(t, p, "shop") // is let in, and held at its first statement
	asked := []<-chan int{at(t, early), at(t, late)}
	pgtest.Eventually(t, time.Minute, "both clients are held", func() bool { return waiting(t, console) == 2 })
	if err := r.Point(t.Context(), routetest.Endpoint(b)); err != nil {
		t.Fatal(err)
	}
	if err := r.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, port := range asked {
		arrives(t, port, b.Port)
	}
	// Now both have a server, and keep it.
	holdRunsOut(t, r, `2 of database "shop"`)
	for _, client := range []*pgx.Conn{early, late} {
		if _, err := client.Exec(t.Context(), "SELECT 1"); err != nil {
			t.Errorf("a client after a Hold that ran out of time: %v", err)
		}
	}
}
