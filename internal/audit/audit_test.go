package audit_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// asWriters makes the test's own program the process that Spawn starts.
const asWriters = "PGTEAL_TEST_AS_WRITERS"

func TestMain(m *testing.M) {
	if os.Getenv(asWriters) != "" {
		if err := audit.Main(context.Background(), os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func spawn(t *testing.T, writers ...audit.Writer) *audit.Process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(self)
	command.Env = append(os.Environ(), asWriters+"=1")
	command.Stderr = os.Stderr
	p, err := audit.Spawn(command, writers...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const weird = `We"ird; DROP`

// newServer starts a server with the tables of the writers in its databases, among them one with a hostile name.
func newServer(t *testing.T, major int, settings ...pgctl.Setting) *pgtest.Server {
	t.Helper()
	s := pgtest.Start(t, major, settings...)
	s.Exec(t, "postgres", "CREATE ROLE app LOGIN", "CREATE DATABASE "+postgres.Ident(weird))
	for range 2 { // it can be repeated
		if err := audit.Install(t.Context(), s.Server, []string{"postgres", weird}, "app"); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func conninfo(s *pgtest.Server) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=app sslmode=disable", s.Port)
}

// writers are one writer of each kind in database.
func writers(s *pgtest.Server, directory, prefix, database string) (all []audit.Writer) {
	for _, work := range audit.Works() {
		all = append(all, audit.Writer{
			ID: prefix + string(work), Conninfo: conninfo(s), Database: database, Directory: directory,
			Work: work, Think: -1, Rows: 50,
		})
	}
	return all
}

func start(t *testing.T, writers ...audit.Writer) *audit.Load {
	t.Helper()
	load, err := audit.Start(t.Context(), writers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := load.Stop(); err != nil {
			t.Error(err)
		}
	})
	return load
}

// untilEach waits until each writer has so many more acknowledged operations than it has now.
func untilEach(t *testing.T, load *audit.Load, writers []audit.Writer, more int64) {
	t.Helper()
	before := load.Summary()
	pgtest.Eventually(t, time.Minute, fmt.Sprintf("each writer has %d more acknowledged operations", more), func() bool {
		now := load.Summary()
		for _, w := range writers {
			if now.Writers[w.ID].Acknowledged < before.Writers[w.ID].Acknowledged+more {
				return false
			}
		}
		return true
	})
}

func stop(t *testing.T, load *audit.Load) {
	t.Helper()
	if err := load.Stop(); err != nil {
		t.Fatal(err)
	}
}

func judge(t *testing.T, directory string, s *pgtest.Server) audit.Verdict {
	t.Helper()
	v, err := audit.Judge(t.Context(), directory, s.Server, []string{"postgres", weird})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCleanRunIsJudgedClean(t *testing.T) {
	for _, major := range []int{13, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := newServer(t, major)
			directory := t.TempDir()
			all := append(writers(s, directory, "a-", "postgres"), writers(s, directory, "b-", weird)...)
			load := start(t, all...)
			untilEach(t, load, all, 50)
			stop(t, load)
			live := load.Summary()
			v := judge(t, directory, s)
			if !v.Clean() || v.Damage() != "" || v.Errors != 0 || v.Unfinished != 0 {
				t.Errorf("not clean: %s; failures %+v", v.Damage(), v.Failures)
			}
			if v.Acknowledged != live.Acknowledged || v.Checked != v.Acknowledged || v.Acknowledged < int64(50*len(all)) {
				t.Errorf("the log has %d acknowledged operations, the writers saw %d, and %d were checked",
					v.Acknowledged, live.Acknowledged, v.Checked)
			}
			if len(v.Databases) != 2 || len(v.Writers) != len(all) || len(v.ServedBy) != 1 {
				t.Errorf("databases %d, writers %d, servers %v", len(v.Databases), len(v.Writers), v.ServedBy)
			}
			for server := range v.ServedBy {
				if server/10000 != major {
					t.Errorf("served by %d", server)
				}
			}
		})
	}
}

func TestLatenciesAreThoseOfTheServer(t *testing.T) {
	s := newServer(t, 15)
	directory := t.TempDir()
	w := audit.Writer{ID: "beat", Conninfo: conninfo(s), Database: "postgres", Directory: directory}
	load := start(t, w)
	untilEach(t, load, []audit.Writer{w}, 200)
	const held = 300 * time.Millisecond
	conn := s.Connect(t, "postgres")
	lock := fmt.Sprintf("BEGIN; LOCK audit.ledger, audit.ledger_bare; SELECT pg_sleep(%f); COMMIT", held.Seconds())
	begun := time.Now()
	if _, err := conn.Exec(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	untilEach(t, load, []audit.Writer{w}, 1)
	stop(t, load)
	v := judge(t, directory, s)
	ms := 0.9 * float64(held.Milliseconds()) // the writer may have begun to wait a little later
	inOrder := 0 < v.P50LatencyMS && v.P50LatencyMS <= v.P99LatencyMS && v.P99LatencyMS <= v.MaxLatencyMS
	if v.MaxLatencyMS < ms || v.LongestGapMS < ms || !inOrder {
		t.Errorf("p50 %v, p99 %v, max %v, gap %v ms", v.P50LatencyMS, v.P99LatencyMS, v.MaxLatencyMS, v.LongestGapMS)
	}
	slow, found, err := audit.FirstAck(directory, func(a audit.Ack) bool { return a.At.Sub(a.Begun) >= held*9/10 && a.At.After(begun) })
	if err != nil || !found || slow.At.Sub(begun) < held || slow.Database != "postgres" || slow.Server/10000 != 15 {
		t.Errorf("the operation that met the lock: %+v, %v, %v", slow, found, err)
	}
	_, found, err = audit.FirstAck(directory, func(a audit.Ack) bool { return a.Server/10000 == 18 })
	if err != nil || found {
		t.Errorf("an operation was served by 18: %v", err)
	}
}

func TestNoPasswordInTheLog(t *testing.T) {
	s := newServer(t, 15)
	directory := t.TempDir()
	w := audit.Writer{ID: "secretive", Database: "postgres", Directory: directory, Conninfo: fmt.Sprintf(
		"postgres://nobody:hunter2@127.0.0.1:%d/x?sslmode=disable", s.Port)}
	load := start(t, w)
	pgtest.Eventually(t, time.Minute, "errors", func() bool { return load.Summary().Errors > 3 })
	stop(t, load)
	if content := logOf(t, directory, w.ID); strings.Contains(content, "hunter2") || !strings.Contains(content, "28000") {
		t.Errorf("the log:\n%s", content)
	}
	w.Conninfo = "host=x password=hunter2 port=none"
	if _, err := audit.Start(t.Context(), w); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a wrong connection string: %v", err)
	}
}

func logOf(t *testing.T, directory, writer string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(directory, writer+".log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
