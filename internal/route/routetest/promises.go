package routetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/route"
)

func leads(t *testing.T, s *scene) {
	t.Helper()
	s.leadsTo(t, s.route, s.a)
	for _, database := range Databases {
		s.client(t, database, "c").mustWrite(t)
		if n := rows(t, s.a, database, "c"); n != 1 {
			t.Errorf("database %q: A has %d rows, want 1", database, n)
		}
	}
}

func checks(t *testing.T, s *scene) {
	t.Helper()
	findings, err := s.route.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range finding.Blocking(findings, finding.Switchover) {
		t.Errorf("unexpected finding: %+v", f)
	}
}

// moves leads clients that are held from A to B.
func moves(t *testing.T, s *scene) {
	t.Helper()
	if !s.Holds || !s.Keeps {
		t.Skip("the route does not hold clients")
	}
	var clients []*client
	for _, database := range Databases {
		c := s.client(t, database, "c")
		c.mustWrite(t)
		clients = append(clients, c)
	}
	do(t, "Hold", s.route.Hold)
	var writes []<-chan error
	for _, c := range clients {
		writes = append(writes, later(t, func() error { return c.write(t.Context()) }))
	}
	for _, write := range writes {
		waits(t, "a held write", write)
	}
	s.point(t, s.route, s.b)
	s.leadsTo(t, s.route, s.b)
	for _, write := range writes {
		waits(t, "a write that is held after Point", write)
	}
	do(t, "Release", s.route.Release)
	for _, write := range writes {
		finishes(t, "the held write", write)
	}
	for _, c := range clients {
		c.mustWrite(t)
		if a, b := rows(t, s.a, c.database, "c"), rows(t, s.b, c.database, "c"); a != 1 || b != 2 {
			t.Errorf("database %q: A has %d rows and B %d, want 1 and 2", c.database, a, b)
		}
		s.client(t, c.database, "late").mustWrite(t)
		if n := rows(t, s.b, c.database, "late"); n != 1 {
			t.Errorf("database %q: a new client's row did not arrive at B", c.database)
		}
	}
}

// busy moves eight clients that write without a pause.
func busy(t *testing.T, s *scene) {
	t.Helper()
	if !s.Holds || !s.Keeps {
		t.Skip("the route does not hold clients")
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var ended []<-chan error
	var clients []*client
	for i := range 8 {
		c := s.client(t, Databases[i%len(Databases)], fmt.Sprint("writer ", i))
		c.mustWrite(t)
		clients = append(clients, c)
		ended = append(ended, later(t, func() error {
			for ctx.Err() == nil {
				if err := c.write(t.Context()); err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
			}
			return nil
		}))
	}
	written := func(server *pgtest.Server) func() bool {
		return func() bool {
			for _, c := range clients {
				if rows(t, server, c.database, c.name) < 3 {
					return false
				}
			}
			return true
		}
	}
	pgtest.Eventually(t, patience, "every writer writes to A", written(s.a))
	do(t, "Check", func(ctx context.Context) error { _, err := s.route.Check(ctx); return err })
	begun := time.Now()
	do(t, "Hold", s.route.Hold)
	held := time.Now()
	s.point(t, s.route, s.b)
	pointed := time.Now()
	do(t, "Release", s.route.Release)
	t.Logf("hold %s, point %s, release %s", held.Sub(begun), pointed.Sub(held), time.Since(pointed))
	pgtest.Eventually(t, patience, "every writer writes to B", written(s.b))
	stop()
	for _, writer := range ended {
		finishes(t, "a writer", writer)
	}
	for _, c := range clients {
		if a, b := rows(t, s.a, c.database, c.name), rows(t, s.b, c.database, c.name); a+b != c.n {
			t.Errorf("%s: %d writes acknowledged, A has %d and B %d", c.name, c.n, a, b)
		}
	}
}

// admits connects clients while the route is held.
func admits(t *testing.T, s *scene) {
	t.Helper()
	if !s.Waits {
		t.Skip("the route does not hold clients that connect")
	}
	do(t, "Hold", s.route.Hold)
	var arrivals []<-chan error
	for i := range 8 {
		arrivals = append(arrivals, later(t, func() error {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			c, err := s.dial(ctx, Databases[i%len(Databases)], fmt.Sprint("new ", i))
			if err != nil {
				return err
			}
			defer postgres.Close(c.Conn)
			return c.write(ctx)
		}))
	}
	for _, arrival := range arrivals {
		waits(t, "a client that connects while held", arrival)
	}
	s.point(t, s.route, s.b)
	waits(t, "a client that connects, after Point", arrivals[0])
	do(t, "Release", s.route.Release)
	for i, arrival := range arrivals {
		finishes(t, "the client that waited", arrival)
		if n := rows(t, s.b, Databases[i%len(Databases)], fmt.Sprint("new ", i)); n != 1 {
			t.Errorf("B has %d rows of client %d, want 1", n, i)
		}
	}
}

// leaves has sessions open while the route leads elsewhere.
func leaves(t *testing.T, s *scene) {
	t.Helper()
	for _, held := range []bool{true, false} {
		var clients []*client
		for _, database := range Databases {
			c := s.client(t, database, fmt.Sprint("held ", held))
			c.mustWrite(t)
			clients = append(clients, c)
		}
		if held {
			do(t, "Hold", s.route.Hold)
		}
		s.point(t, s.route, s.b)
		do(t, "Release", s.route.Release)
		for _, c := range clients {
			before := rows(t, s.a, c.database, c.name)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			err := c.write(ctx)
			cancel()
			if s.Keeps && err != nil {
				t.Errorf("a client that keeps its session: %v", err)
			}
			if !s.Keeps && err == nil {
				t.Errorf("database %q: a session has outlived Point", c.database)
			}
			if after := rows(t, s.a, c.database, c.name); after != before {
				t.Errorf("database %q: after Point A has taken a write", c.database)
			}
		}
		s.point(t, s.route, s.a)
		s.leadsTo(t, s.route, s.a)
	}
}

// times lets Hold run out of time.
func times(t *testing.T, s *scene) {
	t.Helper()
	if !s.Holds {
		t.Skip("the route does not hold clients")
	}
	slow, other := s.client(t, Databases[0], "slow"), s.client(t, Databases[1], "other")
	other.mustWrite(t)
	tx, err := slow.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	insert := func() {
		t.Helper()
		slow.n++
		if _, err := tx.Exec(t.Context(), "INSERT INTO public.written VALUES ('slow', $1)", slow.n); err != nil {
			t.Fatal(err)
		}
	}
	insert()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := s.route.Hold(ctx); !errors.Is(err, route.ErrHoldTimeout) {
		t.Fatalf("Hold with an open transaction returned %v, want ErrHoldTimeout", err)
	}
	insert()
	other.mustWrite(t)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatalf("the transaction that was open: %v", err)
	}
	slow.mustWrite(t)
	do(t, "Hold after the transaction has ended", s.route.Hold)
	do(t, "Release", s.route.Release)
	if n := rows(t, s.a, slow.database, "slow"); n != 3 {
		t.Errorf("A has %d rows of the slow client, want 3", n)
	}
}

// repeats calls everything twice.
func repeats(t *testing.T, s *scene) {
	t.Helper()
	c := s.client(t, Databases[0], "c")
	twice := func(what string, method func(context.Context) error) {
		t.Helper()
		do(t, what, method)
		do(t, what+" again", method)
	}
	twice("Release where nobody is held", s.route.Release)
	twice("Restore before any Point", s.route.Restore)
	twice("Hold", s.route.Hold)
	twice("Point", func(ctx context.Context) error { return s.route.Point(ctx, Endpoint(s.b)) })
	twice("Release", s.route.Release)
	s.leadsTo(t, s.route, s.b)
	if s.Keeps {
		c.mustWrite(t)
	}
	twice("Point back", func(ctx context.Context) error { return s.route.Point(ctx, Endpoint(s.a)) })
	twice("Restore", s.route.Restore)
	s.leadsTo(t, s.route, s.a)
	if s.Keeps {
		c.mustWrite(t)
	}
	if err := errors.Join(s.route.Close(), s.route.Close()); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// inherits goes on, at each point, with a new value of the route.
func inherits(t *testing.T, s *scene) {
	t.Helper()
	c := s.client(t, Databases[2], "c")
	do(t, "Hold", s.route.Hold)
	do(t, "Close", func(context.Context) error { return s.route.Close() }) // as far as a death can be had in one process
	if s.Holds {
		held := later(t, func() error { return c.write(t.Context()) })
		waits(t, "a write that a dead process holds", held)
		do(t, "Release by a new process", s.open(t).Release)
		finishes(t, "the held write", held)
	}
	do(t, "Hold by a new process", s.open(t).Hold)
	do(t, "Hold by another", s.open(t).Hold)
	s.point(t, s.open(t), s.b)
	do(t, "Release by a new process", s.open(t).Release)
	s.leadsTo(t, s.open(t), s.b)
	if s.Keeps {
		c.mustWrite(t)
		if n := rows(t, s.b, c.database, "c"); n != 1 {
			t.Errorf("B has %d rows, want 1", n)
		}
	}
}
