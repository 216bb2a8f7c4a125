// Package pgtest gives tests real PostgreSQL servers on throw-away clusters.
package pgtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
)

// Superuser is the superuser of every throw-away cluster. Nobody is asked for a password.
const Superuser = "postgres"

// Server is a running throw-away cluster.
type Server struct {
	*postgres.Server
	Cluster pgctl.Cluster
	Port    int
	LogFile string
}

// Start makes a cluster of major with settings and starts it. It ends with the test. Without the programs of major the test
// fails: scripts/get-postgres brings them.
func Start(t testing.TB, major int, settings ...pgctl.Setting) *Server {
	t.Helper()
	return Run(t, create(t, major, Superuser), settings...)
}

// create makes a cluster of major with this superuser. It is removed with the test.
func create(t testing.TB, major int, superuser string) pgctl.Cluster {
	t.Helper()
	programs, err := pgctl.Find(major)
	if err != nil {
		t.Fatal(err)
	}
	account, err := pgctl.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	c := pgctl.Cluster{Programs: programs, Account: account, DataDirectory: filepath.Join(Directory(t), "data")}
	err = c.Init(t.Context(), "--username", superuser, "--auth", "trust", "--no-sync", "--locale", "C.UTF-8", "--encoding", "UTF8")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Run starts a throw-away cluster that exists. It ends with the test.
func Run(t testing.TB, c pgctl.Cluster, settings ...pgctl.Setting) *Server {
	t.Helper()
	port := FreePort(t)
	logFile := filepath.Join(filepath.Dir(c.DataDirectory), "server.log")
	base := []pgctl.Setting{
		{Name: "port", Value: strconv.Itoa(port)},
		{Name: "listen_addresses", Value: "127.0.0.1"},
		{Name: "unix_socket_directories", Value: filepath.Dir(c.DataDirectory)},
		{Name: "wal_level", Value: "logical"},
		{Name: "fsync", Value: "off"},
	}
	if err := c.Start(t.Context(), logFile, append(base, settings...)...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Stop(ctx, "immediate"); err != nil {
			t.Error(err)
		}
	})
	s, err := postgres.Open("test server", fmt.Sprintf("host=127.0.0.1 port=%d user=%s sslmode=disable", port, Superuser))
	if err != nil {
		t.Fatal(err)
	}
	return &Server{Server: s, Cluster: c, Port: port, LogFile: logFile}
}

// Directory returns a new directory that servers may use. Unlike t.TempDir, its path is short enough for a Unix socket and an
// unprivileged server reaches it when the tests run as root.
func Directory(t testing.TB) string {
	t.Helper()
	account, err := pgctl.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(inMemory(), "pgteal-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := account.Own(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Connect opens a session in database, with the search path that clients have. It ends with the test.
func (s *Server) Connect(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	conn := s.connect(t, database)
	t.Cleanup(func() { postgres.Close(conn) })
	return conn
}

func (s *Server) connect(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	conn, err := s.Server.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `SET search_path = "$user", public`); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Exec runs statements, each on its own, in database.
func (s *Server) Exec(t testing.TB, database string, statements ...string) {
	t.Helper()
	conn := s.connect(t, database)
	defer postgres.Close(conn)
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// FreePort returns a TCP port of loopback on which nothing listens.
func FreePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it returns at once
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // nothing was written
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("%s is no TCP address", listener.Addr())
	}
	return address.Port
}

// Eventually waits until condition holds, and fails the test when it does not within limit.
func Eventually(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %s: %s", limit, what)
		case <-tick.C:
		}
	}
}

// NeedUpgrade skips the test where the servers of this machine cannot be upgraded from one to the other: blue's minor release gives columns a
// storage parameter that the new major's, which is older, does not know (17.12 to 18.6).
func NeedUpgrade(t testing.TB, from, to int) {
	t.Helper()
	const parameter = "pg_attver"
	knows := func(major int) bool {
		programs, err := pgctl.Find(major)
		if err != nil {
			t.Fatal(err)
		}
		known, err := programs.ServerKnows(parameter)
		if err != nil {
			t.Fatal(err)
		}
		return known
	}
	if knows(from) && !knows(to) {
		t.Skipf("the PostgreSQL %d of this machine has %s, and the older minor release of %d does not", from, parameter, to)
	}
}
