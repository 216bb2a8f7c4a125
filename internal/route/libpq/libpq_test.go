package libpq_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/libpq"
	"github.com/pgteal/pgteal/internal/route/routetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// conninfo is a client's connection string with the servers in this order.
func conninfo(database string, servers ...*pgtest.Server) string {
	var hosts, ports []string
	for _, s := range servers {
		hosts, ports = append(hosts, "127.0.0.1"), append(ports, fmt.Sprint(s.Port))
	}
	return fmt.Sprintf("host=%s port=%s user=postgres dbname='%s' sslmode=disable target_session_attrs=read-write",
		strings.Join(hosts, ","), strings.Join(ports, ","), database)
}

func open(t testing.TB, connection string, green route.Endpoint) *libpq.Libpq {
	t.Helper()
	l, err := libpq.New(connection, "", green)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// lands is the port at which the route says that a client lands, 0 where it says that it does not.
func lands(t *testing.T, connection string) int {
	t.Helper()
	where, err := open(t, connection, route.Endpoint{}).Where(t.Context())
	if err != nil {
		return 0
	}
	return where[0].Port
}

// psql is the port at which a psql of major lands, 0 where it does not.
func psql(t *testing.T, major int, connection string) int {
	t.Helper()
	programs, err := pgctl.Find(major)
	if err != nil {
		t.Fatal(err)
	}
	out, err := programs.Command(t.Context(), pgctl.Self(), "psql", "--no-psqlrc", "--no-align", "--tuples-only", "--no-password",
		"--dbname", connection, "--command", "SELECT inet_server_port()").Output()
	if err != nil {
		return 0
	}
	var port int
	if _, err := fmt.Sscan(string(out), &port); err != nil {
		t.Fatalf("psql %d printed %q", major, out)
	}
	return port
}

// closed closes or opens a server to clients with a password-less pg_hba.conf. Its Unix socket stays open, for the test.
func closed(t *testing.T, s *pgtest.Server, is bool) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // it is also called when a test cleans up
	method := "trust"
	if is {
		method = "reject"
	}
	hba := filepath.Join(s.Cluster.DataDirectory, "pg_hba.conf")
	err := os.WriteFile(hba, []byte("local all all trust\nhost all all all "+method+"\n"), 0o600)
	if err := errors.Join(err, s.Cluster.Run(ctx, s.Cluster.Account, "pg_ctl", "reload", "--pgdata", s.Cluster.DataDirectory)); err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, patience, "the server has read pg_hba.conf", func() bool {
		conn, err := s.Server.Connect(ctx, "postgres")
		if err == nil {
			postgres.Close(conn)
		}
		return is == (err != nil)
	})
}

// listening stops a server and starts it with or without its TCP port.
func listening(t *testing.T, s *pgtest.Server, is bool) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	addresses := ""
	if is {
		addresses = "127.0.0.1"
	}
	if err := s.Cluster.Stop(ctx, "fast"); err != nil {
		t.Fatal(err)
	}
	err := s.Cluster.Start(ctx, s.LogFile,
		pgctl.Setting{Name: "port", Value: fmt.Sprint(s.Port)},
		pgctl.Setting{Name: "listen_addresses", Value: addresses},
		pgctl.Setting{Name: "unix_socket_directories", Value: filepath.Dir(s.Cluster.DataDirectory)},
		pgctl.Setting{Name: "fsync", Value: "off"})
	if err != nil {
		t.Fatal(err)
	}
}

// readOnly sets a server's default_transaction_read_only.
func readOnly(t *testing.T, s *pgtest.Server, is string) {
	t.Helper()
	s.Exec(t, "postgres", "ALTER SYSTEM SET default_transaction_read_only = "+is, "SELECT pg_reload_conf()")
	pgtest.Eventually(t, patience, "new sessions are as the setting says", func() (as bool) {
		config, err := pgx.ParseConfig(conninfo("postgres", s) + " target_session_attrs=any")
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.ConnectConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer postgres.Close(conn)
		if err := conn.QueryRow(t.Context(), "SELECT current_setting('default_transaction_read_only') = $1", is).Scan(&as); err != nil {
			t.Fatal(err)
		}
		return as
	})
}

// What docs/libpq.md says of libpq, and that Where says the same.
func TestWhereSaysWhereARealClientLands(t *testing.T) {
	blue, green := pgtest.Start(t, 15), pgtest.Start(t, 18)
	const (
		nowhere  = 0
		shutdown = "blue shuts down and waits for a session"
	)
	for _, state := range []struct {
		name                  string
		arrange               func()
		blueFirst, greenFirst int
	}{
		{"both take writes", func() {}, blue.Port, green.Port},
		{"before the switchover: green rejects", func() { closed(t, green, true) }, blue.Port, nowhere},
		{"in the pause: both reject", func() { closed(t, blue, true) }, nowhere, nowhere},
		{"after the commitment: blue rejects", func() { closed(t, green, false) }, nowhere, green.Port},
		{"then: blue does not listen", func() { listening(t, blue, false) }, green.Port, green.Port},
		{"blue listens again and is read-only", func() {
			listening(t, blue, true)
			closed(t, blue, false)
			readOnly(t, blue, "on")
		}, green.Port, green.Port},
		{shutdown, func() {
			readOnly(t, blue, "off")
			blue.Connect(t, "postgres")
			p, err := blue.Cluster.Postmaster()
			if err == nil {
				err = syscall.Kill(p.PID, syscall.SIGTERM)
			}
			if err != nil {
				t.Fatal(err)
			}
			pgtest.Eventually(t, patience, "blue cannot be connected to now", func() bool {
				conn, err := blue.Server.Connect(t.Context(), "postgres")
				if err == nil {
					postgres.Close(conn)
				}
				return postgres.SQLState(err) == "57P03"
			})
		}, green.Port, green.Port},
		{"blue is stopped", func() {
			if err := blue.Cluster.Stop(t.Context(), "immediate"); err != nil {
				t.Fatal(err)
			}
		}, green.Port, green.Port},
	} {
		state.arrange()
		for connection, want := range map[string]int{
			conninfo("postgres", blue, green): state.blueFirst,
			conninfo("postgres", green, blue): state.greenFirst,
		} {
			if got := lands(t, connection); got != want {
				t.Errorf("%s: Where says port %d of %s, want %d", state.name, got, connection, want)
			}
			for _, major := range []int{13, 15, 17, 18} {
				want := want
				if major < 14 && state.name == shutdown && connection == conninfo("postgres", blue, green) {
					want = nowhere
				}
				if got := psql(t, major, connection); got != want {
					t.Errorf("%s: psql %d lands at port %d of %s, want %d", state.name, major, got, connection, want)
				}
			}
		}
	}
}

// pgx tries the next host after a rejection, and after a session that is read-only.
func TestPgxGoesOnWhereLibpqGivesUp(t *testing.T) {
	blue, green := pgtest.Start(t, 15), pgtest.Start(t, 18)
	closed(t, blue, true)
	connection := conninfo("postgres", blue, green)
	if port := lands(t, connection); port != 0 {
		t.Errorf("Where says port %d, and libpq gives up", port)
	}
	conn, err := pgx.Connect(t.Context(), connection)
	if err != nil {
		t.Fatal(err)
	}
	defer postgres.Close(conn)
	var port int
	if err := conn.QueryRow(t.Context(), "SELECT inet_server_port()").Scan(&port); err != nil || port != green.Port {
		t.Errorf("pgx lands at port %d, %v, want %d", port, err, green.Port)
	}
}

// moved does to the servers what a switchover does beside the routes: the one that clients left listens no more, and the other is opened.
type moved struct {
	*libpq.Libpq
	move func(port int)
	home int // the port that clients began at
}

func (m moved) Point(ctx context.Context, to route.Endpoint) error {
	m.move(to.Port)
	return m.Libpq.Point(ctx, to)
}

func (m moved) Restore(ctx context.Context) error {
	m.move(m.home)
	return m.Libpq.Restore(ctx)
}

func TestClientsThatFollowKeepThePromises(t *testing.T) {
	routetest.Run(t, func(t *testing.T, a, b *pgtest.Server) routetest.Rig {
		t.Helper()
		leads := a.Port
		move := func(port int) {
			switch port {
			case leads:
			case b.Port:
				listening(t, a, false)
				closed(t, b, false)
			default:
				closed(t, b, true)
				listening(t, a, true)
			}
			leads = port
		}
		closed(t, b, true)
		t.Cleanup(func() { closed(t, b, false) })
		t.Cleanup(func() { move(a.Port) })
		return routetest.Rig{
			New: func(t testing.TB) route.Route {
				t.Helper()
				return moved{Libpq: open(t, conninfo("postgres", a, b), routetest.Endpoint(b)), move: move, home: a.Port}
			},
			Conninfo: func(database string) string { return conninfo(database, a, b) },
		}
	})
}
