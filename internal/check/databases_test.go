package check_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
)

func TestEveryFaultInADatabaseIsFound(t *testing.T) {
	t.Parallel()
	names := strings.NewReplacer("S.", `"We""ird; DROP".`)
	for _, major := range []int{13, 15, 17} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, major)
			createDatabase(t, s, weird, healthy...)
			createDatabase(t, s, "healthy", healthy...)
			wanted := map[string]*fault{}
			for _, f := range faults {
				if f.below != 0 && major >= f.below {
					continue
				}
				f.object, f.fix = names.Replace(f.object)+` in database "We""ird; DROP"`, names.Replace(f.fix)
				for _, statement := range f.setup {
					s.Exec(t, weird, names.Replace(statement))
				}
				wanted[f.object] = &f
			}
			mend := map[string]string{}
			for _, f := range run(t, s, 18) {
				if f.Check == "releases" || f.Check == "column-options" { // 13.16 has faults, and 17.12 is newer than 18.6
					continue
				}
				w := wanted[f.Object]
				delete(wanted, f.Object)
				if w == nil || w.check != f.Check || w.blocks != f.Blocks || !strings.HasPrefix(f.Fix, w.fix) || f.Reason == "" {
					t.Errorf("found %+v\nwanted %+v", f, w)
					continue
				}
				if w.mends {
					mend[f.Object] = f.Fix
				}
			}
			for object, f := range wanted {
				t.Errorf("check %s did not find %s", f.check, object)
			}
			for _, fix := range mend {
				s.Exec(t, weird, fix)
			}
			for _, f := range run(t, s, 18) {
				if fix, ok := mend[f.Object]; ok {
					t.Errorf("still found after %s: %+v", fix, f)
				}
			}
		})
	}
}

func TestIndexesThat19RefusesAreFound(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 17)
	createDatabase(t, s, weird, `CREATE EXTENSION btree_gist`, `CREATE TABLE t (id int PRIMARY KEY, a inet, b cidr)`,
		`CREATE INDEX "In""dex" ON t USING gist (a, b)`, `CREATE INDEX own ON t USING gist (a inet_ops)`)
	found := runTarget(t, check.Target{Blue: s.Server, To: 19})
	want(t, found, "gist-inet", finding.Upgrade, `index public."In""dex" in database "We""ird; DROP"`, `DROP INDEX public."In""dex";`)
	if len(found) != 1 {
		t.Errorf("found\n%s", show(found))
	}
	if found := runTarget(t, check.Target{Blue: s.Server, To: 18}); len(found) > 0 {
		t.Errorf("18 takes them, and found\n%s", show(found))
	}
}
