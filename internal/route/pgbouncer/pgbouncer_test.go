package pgbouncer_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/pgbouncer"
	"github.com/pgteal/pgteal/internal/route/pgbouncer/process"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func endpoint(port int) route.Endpoint {
	return route.Endpoint{Host: "127.0.0.1", Port: port, SocketDirectory: "/nowhere"}
}

func connect(t testing.TB, p *process.Process, database string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(conninfo(p, database))
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { postgres.Close(conn) })
	return conn
}

func holdRunsOut(t *testing.T, b *pgbouncer.PgBouncer, words string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := b.Hold(ctx)
	if !errors.Is(err, route.ErrHoldTimeout) || !strings.Contains(err.Error(), words) {
		t.Errorf("Hold returned %v, want ErrHoldTimeout with %q", err, words)
	}
}

func TestNoErrorHoldsThePasswordOfAnEntry(t *testing.T) {
	p := alone(t, plain)
	b := open(t, p)
	var all []error
	text, err := os.ReadFile(p.IncludeFile)
	if err != nil {
		t.Fatal(err)
	}
	call := func() {
		_, err := b.Where(t.Context())
		all = append(all, b.Hold(t.Context()), b.Point(t.Context(), endpoint(7)), err, b.Restore(t.Context()))
	}
	for _, broken := range []string{
		strings.Replace(string(text), "user=postgres ", "unknown=x ", 1),
		strings.Replace(string(text), "''word'", "", 1),
		strings.Replace(string(text), "shop = host=127.0.0.1", "shop = host=127.0.0.1,127.0.0.2", 1),
		strings.Replace(string(text), "host=127.0.0.1 ", "", 1),
	} {
		if err := os.WriteFile(p.IncludeFile, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		call()
	}
	p.Stop()
	call()
	for _, err := range all {
		t.Log(err)
		if err != nil && (strings.Contains(err.Error(), "s3cr") || strings.Contains(err.Error(), "word'")) {
			t.Errorf("the error holds the password: %v", err)
		}
	}
}

func TestAReloadThatFailsIsAnErrorOfPoint(t *testing.T) {
	p := alone(t, plain)
	text, err := os.ReadFile(p.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.ConfigFile, append([]byte("nonsense\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, p)
	if err := b.Point(t.Context(), endpoint(2)); err == nil {
		t.Error("Point says that it is done, and PgBouncer has not read the file")
	}
	if where, err := b.Where(t.Context()); err != nil || where[0].Port != 1 {
		t.Errorf("Where returned %v, %v, want what is in force", where, err)
	}
}

// PgBouncer drops databases that it made out of `*` from its list three times a second, at any instant.
func TestWhereTheWildcardLeadsIsAlwaysSeen(t *testing.T) {
	p := alone(t, wildcard)
	b := open(t, p)
	for until := time.Now().Add(5 * time.Second); time.Now().Before(until); {
		if where, err := b.Where(t.Context()); err != nil || len(where) != 1 || where[0].Port != 1 {
			t.Fatalf("it leads to %v, %v", where, err)
		}
	}
}

func TestRestoreKeepsWhatSomebodyElseHasEdited(t *testing.T) {
	p := alone(t, plain)
	b := open(t, p)
	if err := b.Point(t.Context(), endpoint(2)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(p.IncludeFile)
	if err != nil {
		t.Fatal(err)
	}
	edited := string(text) + "added = host=127.0.0.1 port=2\n"
	if err := os.WriteFile(p.IncludeFile, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.Restore(t.Context()); err == nil {
		t.Error("Restore did not refuse")
	}
	if after, err := os.ReadFile(p.IncludeFile); err != nil || string(after) != edited {
		t.Errorf("the file is now %q, %v", after, err)
	}
}

func TestASymbolicLinkStaysOne(t *testing.T) {
	p := alone(t, plain)
	link := p.IncludeFile + ".link"
	if err := os.Symlink(p.IncludeFile, link); err != nil {
		t.Fatal(err)
	}
	b, err := pgbouncer.New(p.Console(), "", link)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	if err := b.Point(t.Context(), endpoint(2)); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is now %v, %v", info, err)
	}
}

// A PgBouncer that starts again has forgotten its pauses. It must not keep Point and Release from being done.
func TestAPgBouncerThatRestartsWhileHeldLeadsOnAfterRelease(t *testing.T) {
	a, b := pgtest.Start(t, 15), pgtest.Start(t, 15)
	p := start(t, a, "[databases]\nshop = host=127.0.0.1 port=%[1]d dbname=postgres\n; %[2]s\n")
	r := open(t, p)
	connect(t, p, "shop")
	if _, err := r.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Stop()
	if err := r.Release(t.Context()); err == nil {
		t.Error("Release of a PgBouncer that is down says that it is done")
	}
	config := process.Config{Directory: dir(p), Port: p.Port, Users: []string{"postgres"}}
	again, err := process.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Stop()
	if err := r.Point(t.Context(), endpoint(b.Port)); err != nil {
		t.Fatal(err)
	}
	if err := r.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	var port int
	if err := connect(t, again, "shop").QueryRow(t.Context(), "SELECT inet_server_port()").Scan(&port); err != nil || port != b.Port {
		t.Errorf("a new client is at port %d, %v, want %d", port, err, b.Port)
	}
}

// PgBouncer answers all that wait for a PAUSE together, also the one whose database somebody else has resumed.
func TestADatabaseThatSomebodyElseResumesIsNotTakenForHeld(t *testing.T) {
	a := pgtest.Start(t, 15)
	p := start(t, a, "[databases]\none = port=%[1]d dbname=postgres host=%[2]s\ntwo = port=%[1]d dbname=postgres host=%[2]s\n")
	b := open(t, p)
	one, two := connect(t, p, "one"), connect(t, p, "two")
	for _, conn := range []*pgx.Conn{one, two} {
		if _, err := conn.Exec(t.Context(), "BEGIN"); err != nil {
			t.Fatal(err)
		}
	}
	held := make(chan error, 1)
	go func() { held <- b.Hold(t.Context()) }()
	console := connectConsole(t, p)
	pgtest.Eventually(t, time.Minute, "both are paused", func() bool { return paused(t, console) == 2 })
	if _, err := console.Exec(t.Context(), "RESUME one").ReadAll(); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err == nil || !strings.Contains(err.Error(), `"one"`) {
		t.Errorf("Hold returned %v, want an error that names the database", err)
	}
	if n := paused(t, console); n != 0 {
		t.Errorf("%d databases are still paused", n)
	}
}
