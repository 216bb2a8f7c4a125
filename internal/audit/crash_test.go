package audit_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
)

const waitLimit = time.Minute

func TestServerThatCrashesUnderLoadLosesNothing(t *testing.T) {
	s := newServer(t, 15)
	directory := t.TempDir()
	var all []audit.Writer
	for i := range 3 {
		all = append(all, writers(s, directory, fmt.Sprintf("%d-", i), []string{"postgres", weird}[i%2])...)
	}
	load := start(t, all...)
	for range 3 {
		untilEach(t, load, all, 20)
		if err := s.Cluster.Stop(t.Context(), "immediate"); err != nil {
			t.Fatal(err)
		}
		down := load.Summary().Errors
		pgtest.Eventually(t, waitLimit, "errors are counted while the server is down", func() bool {
			return load.Summary().Errors > down+int64(len(all))
		})
		err := s.Cluster.Start(t.Context(), s.LogFile,
			pgctl.Setting{Name: "port", Value: strconv.Itoa(s.Port)}, pgctl.Setting{Name: "unix_socket_directories", Value: ""})
		if err != nil {
			t.Fatal(err)
		}
	}
	untilEach(t, load, all, 20)
	stop(t, load)
	v := judge(t, directory, s)
	if !v.Clean() {
		t.Error(v.Damage())
		for _, w := range all {
			for _, line := range strings.Split(logOf(t, directory, w.ID), "\n") {
				if strings.HasPrefix(line, "error") && !strings.Contains(line, " connect ") && !strings.Contains(line, "57P03") {
					t.Log(w.ID, line)
				}
			}
		}
	}
	var counted, unknown int64
	classes := map[string]bool{}
	for _, f := range v.Failures {
		counted += f.Count
		if f.Unknown {
			unknown += f.Count
		}
		classes[f.Class] = true
		if f.Last.Before(f.First) || f.Example == "" || strings.Contains(f.Class, " ") {
			t.Errorf("%+v", f)
		}
	}
	if counted != v.Errors || unknown != v.Unknown || unknown == 0 || unknown == counted || !classes["connect"] {
		t.Errorf("%d errors, %d unknown, failures %+v", v.Errors, v.Unknown, v.Failures)
	}
	t.Logf("acknowledged %d, errors %d, unknown %d, classes %v", v.Acknowledged, v.Errors, v.Unknown, classes)
}

func TestSessionsThatAreEndedUnderLoadLoseNothing(t *testing.T) {
	s := newServer(t, 18)
	directory := t.TempDir()
	all := append(writers(s, directory, "a-", "postgres"), writers(s, directory, "b-", weird)...)
	load := start(t, all...)
	conn := s.Connect(t, "postgres")
	for range 50 {
		untilEach(t, load, all[:1], 1)
		if _, err := conn.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'"); err != nil {
			t.Fatal(err)
		}
	}
	untilEach(t, load, all, 5)
	stop(t, load)
	v := judge(t, directory, s)
	if !v.Clean() || v.Errors < 50 {
		t.Errorf("%s; %d errors", v.Damage(), v.Errors)
	}
}

// In the extended protocol a statement is answered before its transaction commits.
func TestCommitThatFailsIsNoAcknowledgment(t *testing.T) {
	s := newServer(t, 18)
	directory := t.TempDir()
	all := writers(s, directory, "", "postgres")
	for _, ledger := range []string{"ledger", "ledger_bare"} {
		s.Exec(t, "postgres", `CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN IF NEW.op % 5 < 2 THEN RAISE 'not this one' USING ERRCODE = 'ZZ001'; END IF; RETURN NULL; END $$`,
			"CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON audit."+ledger+` DEFERRABLE INITIALLY DEFERRED
				FOR EACH ROW EXECUTE FUNCTION refuse()`)
	}
	load := start(t, all...)
	untilEach(t, load, all, 20)
	stop(t, load)
	v := judge(t, directory, s)
	if !v.Clean() || v.Unknown != 0 || len(v.Failures) != 1 || v.Failures[0].Class != "ZZ001" || v.Errors < v.Acknowledged/3 {
		t.Errorf("%s; %+v", v.Damage(), v.Failures)
	}
}

func TestReadOnlyServerRefusesAndIsSaidSo(t *testing.T) {
	s := newServer(t, 13)
	directory := t.TempDir()
	all := writers(s, directory, "", "postgres")
	load := start(t, all...)
	untilEach(t, load, all, 5)
	s.Exec(t, "postgres", "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
	pgtest.Eventually(t, waitLimit, "every writer is refused", func() bool {
		for _, w := range load.Summary().Writers {
			if w.Errors == 0 {
				return false
			}
		}
		return true
	})
	s.Exec(t, "postgres", "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
	untilEach(t, load, all, 5)
	stop(t, load)
	v := judge(t, directory, s)
	if !v.Clean() || v.Unknown != 0 || len(v.Failures) != 1 || v.Failures[0].Class != "25006" {
		t.Errorf("%s; %+v", v.Damage(), v.Failures)
	}
}

func TestWriterProcessKilledMidWay(t *testing.T) {
	s := newServer(t, 17)
	directory := t.TempDir()
	all := append(writers(s, directory, "a-", "postgres"), writers(s, directory, "b-", weird)...)
	progress := func(p *audit.Process, more int64) {
		t.Helper()
		before, _ := audit.Summarize(directory)
		pgtest.Eventually(t, waitLimit, "the writers work", func() bool {
			now, err := audit.Summarize(directory)
			if err != nil {
				t.Fatal(err, p.Kill())
			}
			for _, w := range all {
				if now.Writers[w.ID].Acknowledged < before.Writers[w.ID].Acknowledged+more {
					return false
				}
			}
			return true
		})
	}
	for range 5 {
		p := spawn(t, all...)
		progress(p, 10)
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		// The death may have cut a line off.
		rewrite(t, directory, "a-heartbeat", func(log string) string { return log + "ack 1234 17" })
	}
	pgtest.Eventually(t, waitLimit, "the server has ended their sessions", func() bool {
		var n int
		err := s.Connect(t, "postgres").QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'").Scan(&n)
		return err == nil && n == 0
	})
	v := judge(t, directory, s)
	if !v.Clean() || v.Errors != 0 || v.Unfinished == 0 {
		t.Errorf("killed: %s, %d errors, %d unfinished", v.Damage(), v.Errors, v.Unfinished)
	}
	p := spawn(t, all...)
	progress(p, 10)
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if again := judge(t, directory, s); !again.Clean() || again.Unfinished != v.Unfinished || again.Acknowledged <= v.Acknowledged {
		t.Errorf("stopped: %s, %d unfinished, not %d", again.Damage(), again.Unfinished, v.Unfinished)
	}
}
