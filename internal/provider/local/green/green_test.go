package green_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider/local/green"
)

const (
	hostileRole     = `We"ird; DROP`
	hostileDatabase = `sh"op '; $(x) \ é`
)

// fixture is a stopped clone with data, and the green that it is to become.
type fixture struct {
	green.Cluster
	dir       string
	superuser string
	spaces    string // the clone's tablespace, "" where it has none
	blueSpace string
}

type options struct {
	superuser string
	initdb    []string
	space     bool
	tables    int
	sql       []string // in database postgres
	prepare   func(t *testing.T, s *pgtest.Server)
}

// newFixture makes a blue of major, stops it, and copies it as the clone.
func newFixture(t *testing.T, from, to int, o options) *fixture {
	t.Helper()
	pgtest.NeedUpgrade(t, from, to)
	dir := pgtest.Directory(t)
	account, err := pgctl.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	cluster := func(major int, name string) pgctl.Cluster {
		programs, err := pgctl.Find(major)
		if err != nil {
			t.Fatal(err)
		}
		return pgctl.Cluster{Programs: programs, Account: account, DataDirectory: filepath.Join(dir, name)}
	}
	blue := cluster(from, "blue/data")
	if _, err := account.Mkdir(filepath.Dir(blue.DataDirectory)); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--username", "postgres", "--auth", "trust", "--no-sync"}, o.initdb...)
	if o.initdb == nil {
		args = append(args, "--locale", "C.UTF-8", "--encoding", "UTF8")
	}
	if err := blue.Init(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
	s := pgtest.Run(t, blue)
	f := &fixture{dir: dir, superuser: "postgres"}
	s.Exec(t, "postgres", "CREATE DATABASE "+postgres.Ident(hostileDatabase), "CREATE ROLE other SUPERUSER LOGIN",
		"ALTER DATABASE postgres SET default_transaction_read_only = on", "ALTER ROLE other SET statement_timeout = '1ms'")
	if o.space {
		f.blueSpace = filepath.Join(dir, `space of "blue" $é`)
		f.spaces = filepath.Join(dir, `space of "clone" $é`)
		if _, err := account.Mkdir(f.blueSpace); err != nil {
			t.Fatal(err)
		}
		s.Exec(t, "postgres", `CREATE TABLESPACE "sp""ace" LOCATION `+postgres.Literal(f.blueSpace))
	}
	for _, database := range []string{"postgres", hostileDatabase} {
		s.Exec(t, database, `CREATE TABLE public."We""ird; DROP" AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, 10000) i`,
			`CREATE INDEX ON public."We""ird; DROP" (text)`, "SELECT lo_from_bytea(4711, 'large')")
		if o.space {
			s.Exec(t, database, `CREATE TABLE public.spaced TABLESPACE "sp""ace" AS SELECT i AS id FROM generate_series(1, 1000) i`)
		}
	}
	for i := range o.tables {
		s.Exec(t, hostileDatabase, fmt.Sprintf("CREATE TABLE public.t%d (id int PRIMARY KEY, v text)", i))
	}
	s.Exec(t, "postgres", o.sql...)
	if o.prepare != nil {
		o.prepare(t, s)
	}
	if o.superuser != "" {
		f.superuser = o.superuser
		other, err := postgres.Open("test", fmt.Sprintf("host=127.0.0.1 port=%d user=other sslmode=disable", s.Port))
		if err != nil {
			t.Fatal(err)
		}
		if err := other.In(t.Context(), "postgres", func(conn *pgx.Conn) error {
			_, err := conn.Exec(t.Context(), "ALTER ROLE postgres RENAME TO "+postgres.Ident(o.superuser))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := blue.Stop(t.Context(), "fast"); err != nil {
		t.Fatal(err)
	}
	f.Old, f.New = cluster(from, "clone"), cluster(to, "new parent/green")
	f.Work, f.Port = filepath.Join(dir, "work"), pgtest.FreePort(t)
	f.Keep = []string{blue.DataDirectory, f.blueSpace}
	f.clone(t, blue)
	return f
}

// clone copies a stopped cluster to f.Old, tablespaces included.
func (f *fixture) clone(t *testing.T, blue pgctl.Cluster) {
	t.Helper()
	run(t, "cp", "-a", blue.DataDirectory, f.Old.DataDirectory)
	if f.spaces == "" {
		return
	}
	run(t, "cp", "-a", f.blueSpace, f.spaces)
	links, err := filepath.Glob(filepath.Join(f.Old.DataDirectory, "pg_tblspc/*"))
	if err != nil || len(links) != 1 {
		t.Fatal(links, err)
	}
	if err := os.Remove(links[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(f.spaces, links[0]); err != nil {
		t.Fatal(err)
	}
}

func run(t testing.TB, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return string(out)
}

// start starts green for a look at it. It is stopped again by the returned function, or with the test.
func (f *fixture) start(t *testing.T) (*postgres.Server, func()) {
	t.Helper()
	log := filepath.Join(f.dir, "green.log")
	hba := filepath.Join(f.dir, "trust.conf")
	if err := os.WriteFile(hba, []byte("local all all trust\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.New.Start(t.Context(), log, pgctl.Setting{Name: "listen_addresses"}, pgctl.Setting{Name: "port", Value: fmt.Sprint(f.Port)},
		pgctl.Setting{Name: "hba_file", Value: hba}, pgctl.Setting{Name: "unix_socket_directories", Value: f.dir}); err != nil {
		t.Fatal(err)
	}
	stop := func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := f.New.Stop(ctx, "fast"); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	s, err := postgres.Open("green", fmt.Sprintf("host=%s port=%d user='%s'", f.dir, f.Port, strings.ReplaceAll(f.superuser, "'", `\'`)))
	if err != nil {
		t.Fatal(err)
	}
	return s, stop
}

func query(t testing.TB, s *postgres.Server, database, sql string) string {
	t.Helper()
	var value string
	err := s.In(t.Context(), database, func(conn *pgx.Conn) error {
		return conn.QueryRow(t.Context(), sql).Scan(&value)
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// checkData fails the test when green lacks anything that newFixture put into blue.
func (f *fixture) checkData(t *testing.T) {
	t.Helper()
	s, stop := f.start(t)
	defer stop()
	if got := query(t, s, "postgres", "SHOW server_version_num"); !strings.HasPrefix(got, fmt.Sprint(f.New.Major)) {
		t.Errorf("green runs %s, wanted %d", got, f.New.Major)
	}
	if got := query(t, s, "postgres", "SELECT rolname FROM pg_roles WHERE oid = 10"); got != f.superuser {
		t.Errorf("the superuser is %q, wanted %q", got, f.superuser)
	}
	for _, database := range []string{"postgres", hostileDatabase} {
		got := query(t, s, database, `SELECT concat_ws(' ', count(*), sum(id), count(DISTINCT text)) FROM public."We""ird; DROP"`)
		if got != "10000 50005000 10000" {
			t.Errorf("%s: %s", database, got)
		}
		if got := query(t, s, database, "SELECT convert_from(lo_get(4711), 'UTF8')"); got != "large" {
			t.Errorf("%s: the large object holds %q", database, got)
		}
		if f.spaces == "" {
			continue
		}
		if got := query(t, s, database, "SELECT count(*) || ' ' || sum(id) FROM public.spaced"); got != "1000 500500" {
			t.Errorf("%s, tablespace: %s", database, got)
		}
	}
	if f.spaces == "" {
		return
	}
	if got := query(t, s, "postgres", `SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'sp"ace'`); got != f.spaces {
		t.Errorf("green's tablespace is at %s, wanted %s", got, f.spaces)
	}
	versions, _ := os.ReadDir(f.spaces)
	if len(versions) != 1 || !strings.HasPrefix(versions[0].Name(), fmt.Sprintf("PG_%d_", f.New.Major)) {
		t.Errorf("the tablespace holds %v, wanted green's directory alone", versions)
	}
	if blue, _ := os.ReadDir(f.blueSpace); len(blue) != 1 || !strings.HasPrefix(blue[0].Name(), fmt.Sprintf("PG_%d_", f.Old.Major)) {
		t.Errorf("blue's tablespace holds %v, wanted blue's directory alone", blue)
	}
}

// quiet takes progress and throws it away.
func quiet() *progress.Step { return progress.Reporter(func(progress.Event) {}).Step("upgrade") }

// openPeer reaches a server through Debian's socket, as its account.
func openPeer(t *testing.T, port int, account pgctl.Account) *postgres.Server {
	t.Helper()
	s, err := postgres.Open("blue", fmt.Sprintf("host=/run/postgresql port=%d user=postgres", port))
	if err != nil {
		t.Fatal(err)
	}
	return s.RunAs(account.UID)
}
