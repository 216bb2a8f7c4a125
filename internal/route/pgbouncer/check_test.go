package pgbouncer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route/pgbouncer"
	"github.com/pgteal/pgteal/internal/route/pgbouncer/process"
	"github.com/pgteal/pgteal/internal/route/routetest"
)

func found(t *testing.T, b *pgbouncer.PgBouncer) map[string]finding.Finding {
	t.Helper()
	return routetest.Found(t, b, "s3cr") // a part of its password
}

// alone starts a PgBouncer before no server: what Check looks at does not need one.
func alone(t *testing.T, entries string, settings ...string) *process.Process {
	t.Helper()
	return start(t, &pgtest.Server{Port: 1}, entries, settings...)
}

func admin(t *testing.T, p *process.Process, user string) *pgbouncer.PgBouncer {
	t.Helper()
	b, err := pgbouncer.New(strings.Replace(p.Console(), "user="+process.Admin, "user="+user, 1), "", p.IncludeFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestAnUnreachableConsoleIsFound(t *testing.T) {
	b, err := pgbouncer.New(fmt.Sprintf("host=127.0.0.1 port=%d user=x password=s3cr", pgtest.FreePort(t)), "s3cret", "/nowhere/pgteal.ini")
	if err != nil {
		t.Fatal(err)
	}
	findings := found(t, b)
	routetest.Demand(t, findings, "pgbouncer-console", finding.Switchover, b.Name(), "admin_users")
	routetest.Demand(t, findings, "pgbouncer-include", finding.Switchover, "/nowhere/pgteal.ini", "%include /nowhere/pgteal.ini")
}

func TestAConsoleUserWithoutRightsIsFound(t *testing.T) {
	p := alone(t, plain)
	routetest.Demand(t, found(t, admin(t, p, process.Stats)), "pgbouncer-rights", finding.Switchover, "admin_users", process.Stats)
	routetest.Demand(t, found(t, admin(t, p, "postgres")), "pgbouncer-console", finding.Switchover, "admin_users")
}

func TestAMissingIncludeLineIsFound(t *testing.T) {
	p := alone(t, plain)
	other := filepath.Join(filepath.Dir(p.IncludeFile), "other.ini")
	if err := os.Rename(p.IncludeFile, other); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.IncludeFile, []byte("[databases]\nelsewhere = host=127.0.0.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := pgbouncer.New(p.Console(), "", other)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	// Its entries are in force, from before. Only pgbouncer.ini itself tells.
	routetest.Demand(t, found(t, b), "pgbouncer-include", finding.Switchover, p.ConfigFile, "%include "+other, "RELOAD")
}

func TestAPendingReloadIsFound(t *testing.T) {
	p := alone(t, "[databases]\nshop = host=127.0.0.1 port=%[1]d\n;%[2]s\n")
	for text, word := range map[string]string{
		"[databases]\nshop = host=127.0.0.1 port=2\n":                   "port 1",
		"[databases]\nshop = host=127.0.0.1 port=1\nnew = host=other\n": `"new"`,
	} {
		if err := os.WriteFile(p.IncludeFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		routetest.Demand(t, found(t, open(t, p)), "pgbouncer-include", finding.Switchover, word, "RELOAD")
	}
}

func TestAFileThatCannotBeReplacedIsFound(t *testing.T) {
	p := alone(t, plain)
	file, err := os.Open(p.IncludeFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	// A directory in which root cannot make files either.
	b, err := pgbouncer.New(p.Console(), "", fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	routetest.Demand(t, found(t, b), "pgbouncer-include", finding.Switchover, "/proc/self/fd", "cannot be replaced")
	if err := b.Point(t.Context(), endpoint(2)); err == nil {
		t.Error("Point says that it is done")
	}
}

func TestAnOriginalThatCouldNotBePutBackIsFound(t *testing.T) {
	p := alone(t, plain)
	b := open(t, p)
	read := func(file string) string {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	write := func(file, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	original := p.IncludeFile + ".blue"
	fine := func(when string) {
		if f, ok := found(t, b)["pgbouncer-original"]; ok {
			t.Errorf("%s there is the finding %+v", when, f)
		}
	}
	fine("before the first Point")
	if err := b.Point(t.Context(), endpoint(2)); err != nil {
		t.Fatal(err)
	}
	fine("after Point")
	write(p.IncludeFile, read(p.IncludeFile)+"added = host=127.0.0.1 port=2\n")
	routetest.Demand(t, found(t, b), "pgbouncer-original", finding.Switchover, p.IncludeFile, "more than addresses",
		"Make the same change in "+original, "diff")
	// The fix, as the finding says it.
	write(original, read(original)+"added = host=127.0.0.1 port=1\n")
	fine("after the fix")
	if err := b.Restore(t.Context()); err != nil {
		t.Errorf("Restore after the fix: %v", err)
	}
	write(original, "nonsense")
	routetest.Demand(t, found(t, b), "pgbouncer-original", finding.Switchover, original, "line 1", "copy "+p.IncludeFile)
}

func TestWhatTurnsAgainstClientsIsFound(t *testing.T) {
	p := alone(t, plain, "query_wait_timeout=7", "pool_mode=session", "server_tls_sslmode=verify-full")
	findings := found(t, open(t, p))
	routetest.Demand(t, findings, "pgbouncer-query-wait-timeout", finding.Nothing, "7 s")
	routetest.Demand(t, findings, "pgbouncer-server-tls", finding.Nothing, "verify-full")
	routetest.Demand(t, findings, "pgbouncer-session-pooling", finding.Nothing, "pool_mode=transaction")
}

func TestAPauseOfSomebodyElseIsFound(t *testing.T) {
	p := alone(t, plain)
	b := open(t, p)
	if err := b.Hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	routetest.Demand(t, found(t, open(t, p)), "pgbouncer-paused", finding.Switchover, "RESUME")
	if err := b.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f, ok := found(t, b)["pgbouncer-paused"]; ok {
		t.Errorf("after Release there is still %+v", f)
	}
}

func TestADatabaseThatWouldStayBehindIsFound(t *testing.T) {
	p := alone(t, plain)
	text, err := os.ReadFile(p.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	more := strings.Replace(string(text), "[pgbouncer]", "[databases]\nforgotten = host=127.0.0.1 port=1\n[pgbouncer]", 1)
	if err := os.WriteFile(p.ConfigFile, []byte(more), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, p)
	if err := b.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Point(t.Context(), endpoint(2)); err != nil { // it reloads
		t.Fatal(err)
	}
	if err := b.Point(t.Context(), endpoint(1)); err != nil {
		t.Fatal(err)
	}
	routetest.Demand(t, found(t, b), "pgbouncer-left-behind", finding.Switchover, "forgotten", p.IncludeFile)
}

func TestClientsThatStayInSessionPoolingAreFoundAndHoldRunsOutOfTime(t *testing.T) {
	a := pgtest.Start(t, 15)
	p := start(t, a, "[databases]\nshop = host=127.0.0.1 port=%[1]d dbname=postgres\n; %[2]s\n", "pool_mode=session")
	b := open(t, p)
	client := connect(t, p, "shop")
	pgtest.Eventually(t, time.Minute, "the client counts as one that stays", func() bool {
		if _, err := client.Exec(t.Context(), "SELECT 1"); err != nil {
			t.Fatal(err)
		}
		return found(t, b)["pgbouncer-session-pooling"].Blocks == finding.Switchover
	})
	holdRunsOut(t, b, "1 of database \"shop\"")
	if _, err := client.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("the client after a Hold that ran out of time: %v", err)
	}
	if err := client.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Hold(t.Context()); err != nil {
		t.Errorf("Hold after the client has gone: %v", err)
	}
}
