package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/upgrade"
	"github.com/pgteal/pgteal/test/site"
)

// checkReport sees that a document has what every report has once the switchover is done.
func checkReport(t *testing.T, report map[string]any, provider string) {
	t.Helper()
	for _, key := range []string{"clone.seconds", "prepare_seconds", "switchover.pause_ms", "verify.tables", "verify.rows"} {
		if n := number(t, report, key); n <= 0 {
			t.Errorf("%s is %v", key, n)
		}
	}
	if n := number(t, report, "verify.mismatches"); n != 0 {
		t.Errorf("%v mismatches", n)
	}
	for key, want := range map[string]any{"provider": provider, "switchover.outcome": "switched"} {
		if got := at(t, report, key); got != want {
			t.Errorf("%s is %v, not %v", key, got, want)
		}
	}
	for _, key := range []string{"from_version", "to_version", "clone.method"} {
		if text, ok := at(t, report, key).(string); !ok || text == "" {
			t.Errorf("%s is %v", key, at(t, report, key))
		}
	}
	var sum float64
	phases, _ := at(t, report, "switchover.phases_ms").(map[string]any)
	for phase := range phases {
		sum += number(t, phases, phase)
	}
	if pause := number(t, report, "switchover.pause_ms"); sum <= 0 || sum > pause*1.01 {
		t.Errorf("the phases add up to %.1f ms, the pause took %.1f", sum, pause)
	}
}

// A whole upgrade, command by command, with clients that write through PgBouncer and notice nothing.
func TestTheCommandsOfAnUpgrade(t *testing.T) {
	s := site.New(t, site.Options{})
	found := s.Look(t)

	// Nothing has happened yet, and these change nothing.
	for _, command := range []string{"switchover", "finish", "verify"} {
		pgteal(t, forbidden, s, command).says(t, "next: pgteal ")
	}
	pgteal(t, done, s, "abort")
	pgteal(t, done, s, "check")
	if n := number(t, pgteal(t, done, s, "check", "--json").document(t), "blocking"); n != 0 {
		t.Errorf("%v findings block a healthy cluster", n)
	}
	pgteal(t, done, s, "plan").says(t, "CREATE PUBLICATION pgteal", "pg_create_logical_replication_slot")
	steps, _ := at(t, pgteal(t, done, s, "plan", "--json").document(t), "steps").([]any)
	if len(steps) != len(upgrade.Plan()) {
		t.Errorf("the plan shows %d steps of %d", len(steps), len(upgrade.Plan()))
	}
	if next := at(t, pgteal(t, done, s, "status", "--json").document(t), "next"); next != "pgteal prepare" {
		t.Errorf("next: %v", next)
	}
	found.Check(t, s.Look(t))

	load := s.Load(t, s.Bouncer.Port, 4)
	prepared := pgteal(t, done, s, "prepare", "--json").document(t)
	if at(t, prepared, "outcome") != "prepared" {
		t.Errorf("outcome %v", prepared["outcome"])
	}
	status := pgteal(t, done, s, "status", "--json").document(t)
	if lags, _ := at(t, status, "lags").([]any); len(lags) != len(s.Databases)+1 || at(t, status, "next") != "pgteal switchover" {
		t.Errorf("status: %v", status)
	}
	if n := number(t, pgteal(t, done, s, "verify", "--json").document(t), "mismatches"); n != 0 {
		t.Errorf("%v mismatches", n)
	}
	dry := pgteal(t, done, s, "switchover", "--dry-run", "--json").document(t)
	if n := number(t, dry, "expected_pause_ms"); n <= 0 {
		t.Errorf("the expected pause is %v ms", n)
	}
	pgteal(t, done, s, "switchover", "--dry-run").says(t, "Expected pause")
	site.AwaitWrites(t, load, 4)
	if got := s.AsApp(t, s.Bouncer.Port, "shop", "SHOW server_version"); !strings.HasPrefix(got, "15.") {
		t.Errorf("after a dry run clients are served by %s", got)
	}

	checkReport(t, pgteal(t, done, s, "switchover", "--json", "--max-pause", "15s").document(t), "local")
	site.AwaitWrites(t, load, 4)
	pgteal(t, done, s, "switchover").says(t, "Green serves")
	for _, command := range []string{"abort", "prepare"} {
		pgteal(t, forbidden, s, command)
	}
	if n := number(t, pgteal(t, done, s, "verify", "--json").document(t), "mismatches"); n != 0 { // the other way round now
		t.Errorf("%v mismatches after the switchover", n)
	}
	if got := s.AsApp(t, s.Blue.Port, "shop", "SELECT 1"); !strings.Contains(got, "pg_hba.conf rejects") {
		t.Errorf("blue lets clients in: %s", got)
	}
	if next := at(t, pgteal(t, done, s, "status", "--json").document(t), "next"); next != "pgteal finish" {
		t.Errorf("next: %v", next)
	}

	pgteal(t, done, s, "finish").says(t, "The upgrade is finished")
	finished := pgteal(t, done, s, "finish", "--json").document(t)
	checkReport(t, finished, "local")
	if at(t, finished, "outcome") != "finished" {
		t.Errorf("outcome %v", finished["outcome"])
	}
	content, err := os.ReadFile(filepath.Join(s.StateDirectory(), "site/report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var kept map[string]any
	if err := json.Unmarshal(content, &kept); err != nil {
		t.Fatal(err)
	}
	checkReport(t, kept, "local")
	site.AwaitWrites(t, load, 4)
	for _, trace := range s.Traces(t, s.Green(t)) {
		t.Error("left on green: ", trace)
	}
	v := s.Judge(t, load, s.Green(t))
	if v.Errors != 0 || len(v.ServedBy) != 2 {
		t.Errorf("%d errors (%+v), served by %v", v.Errors, v.Failures, v.ServedBy)
	}
}

// What clients do without pgteal keeping them: their sessions end, blue turns them away, and green has all that they were promised.
func TestClientsWithoutARouteLoseNothing(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	load := s.Load(t, s.Blue.Port, 4)
	pgteal(t, done, s, "prepare")
	site.AwaitWrites(t, load, 4)
	if n := load.Summary().Errors; n != 0 {
		t.Errorf("%d errors while blue serves: %+v", n, load.Summary().Failures)
	}
	report := pgteal(t, done, s, "switchover", "--json").document(t)
	checkReport(t, report, "local")
	if n := number(t, report, "switchover.ended_sessions"); n == 0 {
		t.Error("the fence ended no session")
	}
	before := load.Summary().Errors
	pgtest.Eventually(t, patience, "every writer is turned away", func() bool { return load.Summary().Errors >= before+4 })
	pgteal(t, done, s, "finish")
	v := s.Judge(t, load, s.Green(t))
	if v.Acknowledged == 0 || v.Errors == 0 {
		t.Errorf("acknowledged %d, errors %d", v.Acknowledged, v.Errors)
	}
}

// Nothing is published before the check: publishing a table without a replica identity makes its UPDATEs fail on blue.
func TestATableWithoutReplicaIdentityIsFoundBeforeItsUpdatesFail(t *testing.T) {
	s := site.New(t, site.Options{})
	s.Blue.Exec(t, site.Weird, `CREATE TABLE "No""key; DROP" (a int)`, `INSERT INTO "No""key; DROP" VALUES (1)`)
	found := s.Look(t)
	o := pgteal(t, forbidden, s, "check")
	o.says(t, `"No""key; DROP"`, "REPLICA IDENTITY")
	document := pgteal(t, forbidden, s, "check", "--json").document(t)
	if n := number(t, document, "blocking"); n != 1 {
		t.Errorf("%v findings block", n)
	}
	pgteal(t, forbidden, s, "prepare").says(t, `"No""key; DROP"`)
	found.Check(t, s.Look(t))
	s.Blue.Exec(t, site.Weird, `UPDATE "No""key; DROP" SET a = 2`)
}
