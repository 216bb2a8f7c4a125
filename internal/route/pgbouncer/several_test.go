package pgbouncer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/pgbouncer"
	"github.com/pgteal/pgteal/internal/route/pgbouncer/process"
	"github.com/pgteal/pgteal/internal/route/routetest"
)

const shop = "[databases]\nshop = host=127.0.0.1 port=%[1]d dbname=postgres\n; %[2]s\n"

// several are PgBouncers before one server, each with its route and one client.
type several struct {
	processes []*process.Process
	routes    []*pgbouncer.PgBouncer
	clients   []*pgx.Conn
}

func startSeveral(t *testing.T, a *pgtest.Server) (s several) {
	t.Helper()
	for _, entries := range []string{shop, wildcard} {
		p := start(t, a, entries)
		database := "shop"
		if entries == wildcard {
			database = "postgres"
		}
		s.processes = append(s.processes, p)
		s.routes = append(s.routes, open(t, p))
		s.clients = append(s.clients, connect(t, p, database))
	}
	return s
}

// each calls a method of every route at once, and returns their errors in the routes' order.
func (s several) each(do func(*pgbouncer.PgBouncer) error) []error {
	failed := make([]error, len(s.routes))
	var group errgroup.Group
	for i, r := range s.routes {
		group.Go(func() error {
			failed[i] = do(r)
			return nil
		})
	}
	_ = group.Wait() // the errors are in failed
	return failed
}

// answers fails the test unless each client gets an answer from the server at port.
func (s several) answers(t *testing.T, port int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for i, client := range s.clients {
		var at int
		if err := client.QueryRow(ctx, "SELECT inet_server_port()").Scan(&at); err != nil || at != port {
			t.Errorf("client %d is at port %d, %v, want %d", i, at, err, port)
		}
	}
}

func TestSeveralPgBouncers(t *testing.T) {
	a, b := pgtest.Start(t, 15), pgtest.Start(t, 15)
	t.Run("move at once", func(t *testing.T) { moveAtOnce(t, a, b) })
	t.Run("let all clients go where one cannot hold", func(t *testing.T) {
		oneIsBusy(t, a, 0)
		oneIsBusy(t, a, 1)
	})
	t.Run("let all others' clients go where one is down", func(t *testing.T) { oneIsDown(t, a) })
}

func moveAtOnce(t *testing.T, a, b *pgtest.Server) {
	t.Helper()
	s := startSeveral(t, a)
	s.answers(t, a.Port)
	for _, to := range []*pgtest.Server{b, a, b} {
		held := s.each(func(r *pgbouncer.PgBouncer) error { return r.Hold(t.Context()) })
		pointed := s.each(func(r *pgbouncer.PgBouncer) error { return r.Point(t.Context(), routetest.Endpoint(to)) })
		released := s.each(func(r *pgbouncer.PgBouncer) error { return r.Release(t.Context()) })
		if err := errors.Join(append(append(held, pointed...), released...)...); err != nil {
			t.Fatal(err)
		}
		s.answers(t, to.Port)
	}
}

// oneIsBusy holds while one client has a transaction open. What backs out releases all of them, also the one whose Hold has failed.
func oneIsBusy(t *testing.T, a *pgtest.Server, busy int) {
	t.Helper()
	s := startSeveral(t, a)
	if _, err := s.clients[busy].Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	for i, err := range s.each(func(r *pgbouncer.PgBouncer) error { return r.Hold(ctx) }) {
		if i == busy && !errors.Is(err, route.ErrHoldTimeout) || i != busy && err != nil {
			t.Errorf("Hold of PgBouncer %d, with %d busy, returned %v", i, busy, err)
		}
	}
	if err := errors.Join(s.each(func(r *pgbouncer.PgBouncer) error { return r.Release(t.Context()) })...); err != nil {
		t.Fatal(err)
	}
	s.answers(t, a.Port) // the busy one within its transaction
	if _, err := s.clients[busy].Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	s.answers(t, a.Port)
}

func oneIsDown(t *testing.T, a *pgtest.Server) {
	t.Helper()
	s := startSeveral(t, a)
	s.processes[0].Stop()
	failed := s.each(func(r *pgbouncer.PgBouncer) error { return r.Hold(t.Context()) })
	if failed[0] == nil || errors.Is(failed[0], route.ErrHoldTimeout) || failed[1] != nil {
		t.Errorf("Hold returned %v", failed)
	}
	released := s.each(func(r *pgbouncer.PgBouncer) error { return r.Release(t.Context()) })
	if released[0] == nil || released[1] != nil {
		t.Errorf("Release returned %v", released)
	}
	s.clients = s.clients[1:]
	s.answers(t, a.Port)
}
