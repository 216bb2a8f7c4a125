package check_test

import (
	"testing"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
)

// The parameter is put into the catalog by hand, so that it does not take the minor release that gives it to every column. That the servers
// of this machine refuse it or not is what pgtest.NeedUpgrade is about.
func TestAColumnWithAParameterThatTheTargetDoesNotKnowIsFound(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	createDatabase(t, s, weird, `CREATE TABLE "T""; DROP" (id int PRIMARY KEY, n int)`, `ALTER TABLE "T""; DROP" ALTER n SET (n_distinct = 7)`)
	programs, err := pgctl.Find(18)
	if err != nil {
		t.Fatal(err)
	}
	look := func(p pgctl.Programs) []finding.Finding {
		t.Helper()
		return with("column-options", runTarget(t, check.Target{Blue: s.Server, To: 18, Programs: p}))
	}
	if found := look(programs); len(found) > 0 {
		t.Errorf("found\n%s", show(found))
	}
	s.Exec(t, weird, `UPDATE pg_attribute SET attoptions = '{pg_teals_own=1,work_mem=1}' WHERE attrelid = '"T""; DROP"'::regclass AND attname = 'id'`)
	found := look(programs)
	want(t, found, "column-options", finding.Upgrade, `storage parameter pg_teals_own in database "We""ird; DROP"`,
		"Install a minor release of PostgreSQL 18 that is as new as blue's")
	if len(found) != 1 { // work_mem is a word that the server knows
		t.Errorf("found\n%s", show(found))
	}
}
