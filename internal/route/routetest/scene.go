package routetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/route"
)

// patience bounds everything that is expected to happen.
const patience = 20 * time.Second

// scene is a rig with its servers and the route's first value.
type scene struct {
	Rig
	a, b  *pgtest.Server
	route route.Route
}

func (s *scene) open(t *testing.T) route.Route {
	t.Helper()
	r := s.New(t)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return r
}

// client is one connection through the route, that writes numbered rows.
type client struct {
	*pgx.Conn
	database, name string
	n              int
}

func (s *scene) client(t *testing.T, database, name string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := s.dial(ctx, database, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { postgres.Close(c.Conn) })
	return c
}

// dial connects a client, which the caller closes.
func (s *scene) dial(ctx context.Context, database, name string) (*client, error) {
	config, err := pgx.ParseConfig(s.Conninfo(database))
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // prepared statements are another matter
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &client{Conn: conn, database: database, name: name}, nil
}

// write writes the next row and counts it when it is acknowledged.
func (c *client) write(ctx context.Context) error {
	_, err := c.Exec(ctx, "INSERT INTO public.written VALUES ($1, $2)", c.name, c.n+1)
	if err == nil {
		c.n++
	}
	return err
}

func (c *client) mustWrite(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.write(ctx); err != nil {
		t.Fatalf("write %d to %q: %v", c.n+1, c.database, err)
	}
}

// later runs do on a goroutine that ends before the test's connections are closed, and returns what brings its error.
func later(t *testing.T, do func() error) <-chan error {
	t.Helper()
	done, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		done <- do()
	}()
	t.Cleanup(func() { <-ended }) // the test's context is over by then
	return done
}

// rows counts what name has written on server.
func rows(t *testing.T, server *pgtest.Server, database, name string) int {
	t.Helper()
	inside, err := postgres.Open("test server", fmt.Sprintf("host=%s port=%d user=%s", // its TCP port may be closed
		Endpoint(server).SocketDirectory, server.Port, pgtest.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := inside.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer postgres.Close(conn)
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM public.written WHERE client = $1", name).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// do calls a method of a route within patience.
func do(t *testing.T, what string, method func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := method(ctx); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func (s *scene) point(t *testing.T, r route.Route, to *pgtest.Server) {
	t.Helper()
	do(t, "Point", func(ctx context.Context) error { return r.Point(ctx, Endpoint(to)) })
}

// leadsTo fails the test unless Where says that the route leads to server alone.
func (s *scene) leadsTo(t *testing.T, r route.Route, server *pgtest.Server) {
	t.Helper()
	want := []route.Endpoint{
		{Host: "127.0.0.1", Port: server.Port},
		{SocketDirectory: Endpoint(server).SocketDirectory, Port: server.Port},
	}
	do(t, "Where", func(ctx context.Context) error {
		where, err := r.Where(ctx)
		if err != nil {
			return err
		}
		if len(where) == 0 {
			return errors.New("it leads nowhere")
		}
		for _, endpoint := range where {
			if !slices.Contains(want, endpoint) {
				t.Errorf("it leads to %+v, want port %d alone", where, server.Port)
			}
		}
		return nil
	})
}

// waits fails the test when done is closed or filled within a moment: what it stands for has to wait.
func waits(t *testing.T, what string, done <-chan error) {
	t.Helper()
	moment := time.NewTimer(100 * time.Millisecond)
	defer moment.Stop()
	select {
	case err := <-done:
		t.Fatalf("%s did not wait (error: %v)", what, err)
	case <-moment.C:
	}
}

// finishes fails the test unless done brings no error within patience.
func finishes(t *testing.T, what string, done <-chan error) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case err := <-done:
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	case <-limit.C:
		t.Fatalf("%s did not end", what)
	}
}
