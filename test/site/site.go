// Package site is where a test's upgrade takes place: blue with its databases, PgBouncer before it, room for green, and a
// pgteal.yaml that says so.
package site

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/route/pgbouncer/process"
)

// App is the role of the clients. Weird is a database with a hostile name.
const (
	App   = "app"
	Weird = `We"ird; DROP`
)

// Options say what site to make. The zero value is a PostgreSQL 15 that goes to 18, with a PgBouncer.
type Options struct {
	From, To  int
	Superuser string   // of blue; default pgtest.Superuser
	Direct    bool     // clients connect to blue itself: there is no PgBouncer and no route
	Settings  []string // more lines of blue's postgresql.conf
	GreenIn   string   // a directory below the site's where green is made, which has to be there by then; default: the site's own

	Pooling map[string]string // more settings of PgBouncer
}

// Site is one site. It ends with the test.
type Site struct {
	Options
	Directory string
	Blue      *pgtest.Server
	GreenPort int
	Bouncer   *process.Process // nil where Direct
	Databases []string         // with the tables of the auditing writers in each
	File      string           // pgteal.yaml

	account pgctl.Account
}

// New makes a site. Blue is a cluster as a packager would leave it, but small and without fsync.
func New(t testing.TB, o Options) *Site {
	t.Helper()
	if o.From == 0 {
		o.From = 15
	}
	if o.To == 0 {
		o.To = 18
	}
	pgtest.NeedUpgrade(t, o.From, o.To)
	if o.Superuser == "" {
		o.Superuser = pgtest.Superuser
	}
	s := &Site{Options: o, Directory: pgtest.Directory(t), GreenPort: pgtest.FreePort(t), Databases: []string{"shop", Weird}}
	s.File = filepath.Join(s.Directory, "pgteal.yaml")
	var err error
	if s.account, err = pgctl.Unprivileged(); err != nil {
		t.Fatal(err)
	}
	s.startBlue(t)
	s.fill(t)
	if !o.Direct {
		s.makeBouncer(t)
	}
	// Registered last, so it runs first: green must not outlive its files.
	t.Cleanup(func() { s.stopOthers(t) })
	s.Write(t, s.Config())
	return s
}

func (s *Site) startBlue(t testing.TB) {
	t.Helper()
	programs, err := pgctl.Find(s.From)
	if err != nil {
		t.Fatal(err)
	}
	port := pgtest.FreePort(t)
	c := pgctl.Cluster{Programs: programs, Account: s.account, DataDirectory: filepath.Join(s.Directory, "blue")}
	// Local authentication of every kind: what pgteal puts before these lines has to beat them.
	err = c.Init(t.Context(), "--username", pgtest.Superuser, "--auth", "trust", "--no-sync", "--locale", "C.UTF-8", "--encoding", "UTF8")
	if err != nil {
		t.Fatal(err)
	}
	s.Append(t, filepath.Join(c.DataDirectory, "postgresql.conf"), append([]string{
		"port = " + strconv.Itoa(port),
		"listen_addresses = '127.0.0.1'",
		"unix_socket_directories = '" + s.Directory + "'",
		"wal_level = logical",
		"fsync = off",
		"shared_buffers = 32MB",
		"log_line_prefix = '%m %u@%d '",
	}, s.Settings...)...)
	logFile := filepath.Join(s.Directory, "blue.log")
	if err := c.Start(t.Context(), logFile); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Stop(ctx, "immediate"); err != nil {
			t.Error(err)
		}
	})
	s.Blue = s.server(t, "blue", c, port, logFile)
	if s.Superuser != pgtest.Superuser { // initdb does not take every name
		rename(t, *s)
	}
}

// rename gives the cluster's first superuser the name that the site's has.
func rename(t testing.TB, s Site) {
	t.Helper()
	name := s.Superuser
	for _, step := range []struct{ as, statement string }{
		{pgtest.Superuser, "CREATE ROLE other SUPERUSER LOGIN"},
		{"other", "ALTER ROLE " + pgtest.Superuser + " RENAME TO " + postgres.Ident(name)},
		{name, "DROP ROLE other"},
	} {
		s.Superuser = step.as
		s.server(t, "blue", s.Blue.Cluster, s.Blue.Port, s.Blue.LogFile).Exec(t, "postgres", step.statement)
	}
}

// server is a server of the site, reached as the superuser.
func (s *Site) server(t testing.TB, name string, c pgctl.Cluster, port int, logFile string) *pgtest.Server {
	t.Helper()
	server, err := postgres.Open(name, s.conninfo(port))
	if err != nil {
		t.Fatal(err)
	}
	return &pgtest.Server{Server: server, Cluster: c, Port: port, LogFile: logFile}
}

// Green is green, whether or not it runs.
func (s *Site) Green(t testing.TB) *pgtest.Server {
	t.Helper()
	programs, err := pgctl.Find(s.To)
	if err != nil {
		t.Fatal(err)
	}
	directory := s.greenDirectory()
	c := pgctl.Cluster{Programs: programs, Account: s.account, DataDirectory: directory}
	return s.server(t, "green", c, s.GreenPort, directory+".log")
}

func (s *Site) greenDirectory() string { return filepath.Join(s.Directory, s.GreenIn, "green") }

// stopOthers stops green, and a clone that a failed test has left running.
func (s *Site) stopOthers(t testing.TB) {
	t.Helper()
	clusters := []pgctl.Cluster{s.Green(t).Cluster}
	files, _ := filepath.Glob(s.greenDirectory() + ".pgteal/*/postmaster.pid") // the pattern is well formed
	for _, file := range files {
		c := s.Blue.Cluster
		c.DataDirectory = filepath.Dir(file)
		clusters = append(clusters, c)
	}
	for _, c := range clusters {
		if err := c.Stop(context.Background(), "immediate"); err != nil {
			t.Error(err)
		}
	}
}

func (s *Site) fill(t testing.TB) {
	t.Helper()
	statements := []string{"CREATE ROLE " + App + " LOGIN", "CREATE ROLE owner", "ALTER ROLE owner SET work_mem = '5MB'"}
	for _, database := range s.Databases {
		statements = append(statements, "CREATE DATABASE "+postgres.Ident(database))
	}
	s.Blue.Exec(t, "postgres", append(statements, "ALTER DATABASE shop SET search_path = public, audit")...)
	if err := audit.Install(t.Context(), s.Blue.Server, s.Databases, App); err != nil {
		t.Fatal(err)
	}
	s.Blue.Exec(t, Weird, `CREATE SCHEMA "We""ird; DROP"`,
		`CREATE TABLE "We""ird; DROP"."We""ird; DROP" ("We""ird; DROP" serial PRIMARY KEY, "select" text)`,
		`INSERT INTO "We""ird; DROP"."We""ird; DROP" ("select") SELECT 'row ' || i FROM generate_series(1, 100) i`,
		`CREATE SEQUENCE "We""ird; DROP"."Seq""; DROP" INCREMENT BY -3`, `SELECT nextval('"We""ird; DROP"."Seq""; DROP"')`)
}

// Config is the text of a pgteal.yaml for the site. More lines may be added to it.
func (s *Site) Config() string {
	blue := fmt.Sprintf("  data_directory: %q\n", s.Blue.Cluster.DataDirectory)
	if s.Superuser != pgtest.Superuser {
		blue += fmt.Sprintf("  connection: %q\n", s.conninfo(s.Blue.Port))
	}
	text := fmt.Sprintf("upgrade: site\nto: %d\nblue:\n%sgreen: {data_directory: %q, port: %d, service: pg_ctl}\n"+
		"state_directory: %q\nswitchover: {max_pause: 20s}\n",
		s.To, blue, s.greenDirectory(), s.GreenPort, s.StateDirectory())
	if s.Bouncer != nil {
		text += fmt.Sprintf("routes:\n  - pgbouncer: {admin: %q, include: %q}\n", s.Bouncer.Console(), s.Bouncer.IncludeFile)
	}
	return text
}

// conninfo is the connection string with which the test's own sessions reach a server of the site, as its superuser.
func (s *Site) conninfo(port int) string {
	return fmt.Sprintf("host=%s port=%d user=%s", Quote(s.Directory), port, Quote(s.Superuser))
}

// StateDirectory is the configured one; the upgrade's own is below it.
func (s *Site) StateDirectory() string { return filepath.Join(s.Directory, "state") }

// Write makes text the pgteal.yaml.
func (s *Site) Write(t testing.TB, text string) {
	t.Helper()
	if err := os.WriteFile(s.File, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Append puts lines at the end of a file that exists.
func (s *Site) Append(t testing.TB, file string, lines ...string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	content = append(content, strings.Join(lines, "\n")+"\n"...)
	if err := os.WriteFile(file, content, 0o600); err != nil { //nolint:gosec // a file of the test's own
		t.Fatal(err)
	}
}

// Quote quotes a value of a libpq connection string.
func Quote(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}
