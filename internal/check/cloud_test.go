package check_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
)

// TestABlueInACloudIsCheckedWithoutASuperuser has nothing wrong with it: what blocks would be a false alarm.
func TestABlueInACloudIsCheckedWithoutASuperuser(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 15, 17} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			s, _ := pgtest.StartCloud(t, major, pgctl.Setting{Name: "max_worker_processes", Value: "20"})
			s.Exec(t, "postgres", `CREATE TABLE t (a int PRIMARY KEY)`, `CREATE DATABASE shop`, `CREATE ROLE owner`, `GRANT owner TO postgres`)
			blocking := func() (blocking []finding.Finding) {
				result, err := check.Run(t.Context(), check.Target{Blue: s.Server, Upgrade: "id", To: 18})
				if err != nil {
					t.Error(err)
				}
				return slices.DeleteFunc(result.Findings, func(f finding.Finding) bool { return f.Blocks == finding.Nothing })
			}
			if major >= 16 {
				found := blocking()
				if len(found) != 2 || found[0].Check != "own-objects" || found[1].Check != "own-objects" {
					t.Errorf("%+v", found)
				}
				for _, f := range found { // as the fix says
					s.Exec(t, f.Database, `REASSIGN OWNED BY postgres TO owner`)
				}
			}
			if found := blocking(); len(found) > 0 {
				t.Errorf("%+v", found)
			}
		})
	}
}
