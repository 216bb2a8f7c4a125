package audit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/pgtest"
)

// rewrite changes a log.
func rewrite(t *testing.T, directory, writer string, change func(string) string) {
	t.Helper()
	name := filepath.Join(directory, writer+".log")
	if err := os.WriteFile(name, []byte(change(logOf(t, directory, writer))), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestVerdictComesFromTheLog(t *testing.T) {
	s := newServer(t, 15)
	directory := t.TempDir()
	all := writers(s, directory, "", "postgres")
	load := start(t, all...)
	untilEach(t, load, all, 20)
	stop(t, load)
	heartbeat := logOf(t, directory, "heartbeat")
	lines := strings.SplitAfter(heartbeat, "\n")
	edit := func(from, to string) {
		t.Helper()
		rewrite(t, directory, "heartbeat", func(string) string { return strings.Replace(heartbeat, from, to, 1) })
	}
	last := len(lines) - 2 // before the empty one behind the last end of a line
	ack3 := lines[6]
	if !strings.HasPrefix(ack3, "ack 3 ") {
		t.Fatalf("line 7 is %q", ack3)
	}
	fields := strings.Fields(ack3)

	edit(ack3, fmt.Sprintf("error 3 %s %s 25006 \"read-only\"\n", fields[2], fields[3]))
	if v := judge(t, directory, s); v.Damage() != "1 phantom (heartbeat/3 (refused with 25006))" || v.Errors != 1 || v.Unknown != 0 {
		t.Errorf("%+v", v)
	}
	edit(ack3, fmt.Sprintf("unknown 3 %s %s 57P01 \"going\"\n", fields[2], fields[3]))
	v := judge(t, directory, s)
	if !v.Clean() || v.Errors != 1 || v.Unknown != 1 || v.Failures[0].Class != "57P01" || v.Failures[0].Example != "going" {
		t.Errorf("%+v", v)
	}
	s.Exec(t, "postgres", "INSERT INTO audit.ledger_bare SELECT * FROM audit.ledger_bare WHERE (writer, op) = ('heartbeat', 3)")
	if v := judge(t, directory, s); v.Damage() != "1 duplicated (heartbeat/3)" {
		t.Errorf("an unknown operation that is there twice: %s", v.Damage())
	}
	s.Exec(t, "postgres", "DELETE FROM audit.ledger_bare WHERE (writer, op) = ('heartbeat', 3)")
	if v := judge(t, directory, s); !v.Clean() {
		t.Errorf("an unknown operation that is not there: %s", v.Damage())
	}
	s.Exec(t, "postgres", "INSERT INTO audit.ledger_bare (writer, op, work) VALUES ('heartbeat', 3, 'heartbeat')")

	edit(lines[last], "")
	if v := judge(t, directory, s); !v.Clean() || v.Unfinished != 1 {
		t.Errorf("an operation without an outcome: %s, %d unfinished", v.Damage(), v.Unfinished)
	}
	edit(ack3, "ack 3 "+fields[2]+"\n")
	_, err := audit.Judge(t.Context(), directory, s.Server, []string{"postgres"})
	if err == nil || !strings.Contains(err.Error(), "line 7") {
		t.Errorf("a damaged log: %v", err)
	}
	edit("", "")
	if _, err := audit.Judge(t.Context(), directory, s.Server, []string{weird}); err == nil || !strings.Contains(err.Error(), "not among") {
		t.Errorf("a log of another database: %v", err)
	}
	if _, err := audit.Judge(t.Context(), t.TempDir(), s.Server, []string{"postgres"}); err == nil {
		t.Error("no logs at all are judged")
	}
	if err := os.RemoveAll(filepath.Join(directory, "heartbeat.log")); err != nil {
		t.Fatal(err)
	}
	if v := judge(t, directory, s); v.Phantom < 20 || len(v.PhantomOperations) != 20 {
		t.Errorf("a log that is gone: %s", v.Damage())
	}
}

// What a client was told counts even where the row is gone with everything else.
func TestValueOfASequenceThatTwoClientsWereGiven(t *testing.T) {
	s := newServer(t, 18)
	directory := t.TempDir()
	all := writers(s, directory, "", "postgres")
	load := start(t, all...)
	untilEach(t, load, all, 10)
	s.Exec(t, "postgres", "SELECT setval('audit.countdown', -1)") // as after a switchover that forgot it
	untilEach(t, load, all, 10)
	stop(t, load)
	v := judge(t, directory, s)
	// The two are named in the order of their text.
	want := regexp.MustCompile(`value -2 of sequence countdown in database "postgres": (sequence/3 and sequence/\d+|sequence/\d+ and sequence/3)\b`)
	if v.Duplicated == 0 || v.Lost+v.Phantom+v.Half != 0 || !want.MatchString(v.Damage()) {
		t.Error(v.Damage())
	}
	s.Exec(t, "postgres", "SELECT setval('audit.ticket_id_seq', 1)")
	load = start(t, all...)
	pgtest.Eventually(t, waitLimit, "duplicate keys are counted", func() bool { return load.Summary().Errors > 0 })
	stop(t, load)
	failures := judge(t, directory, s).Writers["sequence"].Failures
	if len(failures) != 1 || failures[0].Class != "23505" || failures[0].Unknown {
		t.Errorf("%+v", failures)
	}
}
