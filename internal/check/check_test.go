package check_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// weird is a database name that nobody should have, and somebody has.
const weird = `We"ird; DROP`

// run runs all checks for an upgrade of s to major to, whose programs are at hand. It leaves out the note on changed defaults, which
// every cluster gets.
func run(t testing.TB, s *pgtest.Server, to int) []finding.Finding {
	t.Helper()
	return slices.DeleteFunc(runAll(t, s, to), func(f finding.Finding) bool { return f.Check == "setting-defaults" })
}

func runAll(t testing.TB, s *pgtest.Server, to int) []finding.Finding {
	t.Helper()
	programs, err := pgctl.Find(to)
	if err != nil {
		t.Fatal(err)
	}
	return runTarget(t, check.Target{Blue: s.Server, To: to, Programs: programs})
}

func runTarget(t testing.TB, target check.Target) []finding.Finding {
	t.Helper()
	result, err := check.Run(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	documented(t, result.Findings)
	return result.Findings
}

// documented sees that no finding blocks more than the documentation says of its check.
func documented(t testing.TB, found []finding.Finding) {
	t.Helper()
	gravest := map[string]finding.Blocks{}
	for _, group := range check.All {
		for _, c := range group.Checks {
			gravest[c.Name] = c.Blocks
		}
	}
	for _, f := range found {
		says, known := gravest[f.Check]
		if !known || len(finding.Blocking([]finding.Finding{{Blocks: says}}, f.Blocks)) == 0 {
			t.Errorf("%s blocks %s, and is said to block %q", f.Check, f.Blocks, says)
		}
	}
}

// show writes findings one a line, without their reasons.
func show(found []finding.Finding) string {
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "%s blocks %s: %s: %s\n", f.Check, f.Blocks, f.Object, f.Fix)
	}
	return b.String()
}

// with returns the findings of one check.
func with(name string, found []finding.Finding) []finding.Finding {
	return slices.DeleteFunc(slices.Clone(found), func(f finding.Finding) bool { return f.Check != name })
}

func createDatabase(t testing.TB, s *pgtest.Server, name string, statements ...string) {
	t.Helper()
	s.Exec(t, "postgres", "CREATE DATABASE "+postgres.Ident(name))
	s.Exec(t, name, statements...)
}

func TestAHealthyClusterHasNoFindings(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 18) // the tests of faults have older ones
	createDatabase(t, s, weird, healthy...)
	if found := runTarget(t, check.Target{Blue: s.Server, To: 19}); len(found) > 0 {
		t.Fatalf("found\n%s", show(found))
	}
}

func TestWhatPgtealMadeIsNeverFound(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 17)
	createDatabase(t, s, weird, healthy...)
	databases, err := s.Databases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := postgres.CreateRole(t.Context(), s.Connect(t, "postgres"), "ours", postgres.NewPassword(), nil); err != nil {
		t.Fatal(err)
	}
	for _, d := range databases {
		name := postgres.SlotName(d.OID)
		s.Exec(t, d.Name, postgres.SchemaSQL,
			`INSERT INTO pgteal.upgrade VALUES ('ours', 'test')`,
			`CREATE TABLE pgteal.bare (id int)`,
			`CREATE PUBLICATION pgteal FOR ALL TABLES`,
			`SELECT pg_create_logical_replication_slot('`+name+`', 'pgoutput')`,
			`CREATE SUBSCRIPTION `+name+` CONNECTION 'dbname=x' PUBLICATION pgteal WITH (connect = false)`)
	}
	target := check.Target{Blue: s.Server, To: 18, Upgrade: "ours"}
	if found := runTarget(t, target); len(found) > 0 {
		t.Fatalf("found\n%s", show(found))
	}
	target.Upgrade = "another"
	found := runTarget(t, target)
	want(t, found, "own-role", finding.Upgrade, "role pgteal", "Abort that upgrade")
	if found := with("own-names", found); len(found) != 4*len(databases) || !strings.Contains(found[0].Reason, "another upgrade (ours)") {
		t.Errorf("another upgrade finds\n%s", show(found))
	}
}

func TestACheckThatCannotRunIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	result, err := check.Run(t.Context(), check.Target{Blue: s.Server, To: 18, Programs: pgctl.Programs{Directory: t.TempDir()}})
	found := result.Findings
	if err == nil {
		t.Fatalf("no error; found\n%s", show(found))
	}
	for _, name := range []string{"check extensions", "check libraries", "check " +
		"preload-libraries", `database postgres`, `database template1`} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%v\ndoes not name %s", err, name)
		}
	}
}

func TestADatabaseThatRefusesIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	createDatabase(t, s, weird)
	s.Exec(t, "postgres", `CREATE ROLE plain LOGIN`, `ALTER DATABASE `+postgres.Ident(weird)+` CONNECTION LIMIT 0`)
	blue := s.As("plain", "", "")
	_, err := check.Run(t.Context(), check.Target{Blue: blue, To: 18, Databases: []postgres.Database{}})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", weird)) {
		t.Fatalf("got %v, wanted an error that names database %q", err, weird)
	}
}

func TestChecksAreDocumentedAndNamedOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, group := range check.All {
		for _, c := range group.Checks {
			if seen[c.Name] || c.Why == "" || c.Run == nil || strings.ToLower(c.Name) != c.Name || strings.ContainsAny(c.Name, " _") {
				t.Errorf("check %q is incomplete, or not the only one of its name", c.Name)
			}
			seen[c.Name] = true
		}
	}
}

// statements counts the statements in the server's log.
func statements(t testing.TB, s *pgtest.Server) int {
	t.Helper()
	content, err := os.ReadFile(s.LogFile)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(content), "LOG:  execute ") + strings.Count(string(content), "LOG:  statement: ")
}

// manyTables makes n tables, each with n's faults: half have no primary key.
func manyTables(n int) string {
	return fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP
		EXECUTE format('CREATE TABLE t%%s (id int %%s, a text, b numeric, c timestamptz, d jsonb)',
			i, CASE WHEN i %% 2 = 0 THEN 'PRIMARY KEY' END);
	END LOOP; END $$`, n)
}

func TestTheNumberOfQueriesDoesNotGrowWithTables(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15, settings("log_statement", "all", "max_locks_per_transaction", "1000")...)
	createDatabase(t, s, weird, `CREATE TABLE t (id int)`)
	count := func(wanted int) int {
		before := statements(t, s)
		if found := with("replica-identity", run(t, s, 18)); len(found) != wanted {
			t.Fatalf("%d tables found, wanted %d", len(found), wanted)
		}
		return statements(t, s) - before
	}
	few := count(1)
	s.Exec(t, weird, manyTables(1000))
	if many := count(501); many != few {
		t.Fatalf("%d statements with 1,001 tables, %d with one", many, few)
	}
}

func logged(t testing.TB, s *pgtest.Server, text string) bool {
	t.Helper()
	content, err := os.ReadFile(s.LogFile)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(content), text)
}
