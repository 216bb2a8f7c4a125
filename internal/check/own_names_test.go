package check_test

import (
	"fmt"
	"testing"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// What somebody else made under pgteal's names is found, and is no obstacle once it has another name.
func TestNamesThatPgtealTakesAreFound(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 17} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, major)
			createDatabase(t, s, weird)
			var oid uint32
			if err := s.Connect(t, weird).QueryRow(t.Context(), `SELECT oid FROM pg_database WHERE datname = current_database()`).Scan(&oid); err != nil {
				t.Fatal(err)
			}
			slot := postgres.SlotName(oid)
			s.Exec(t, weird, `CREATE ROLE pgteal LOGIN`, `COMMENT ON ROLE pgteal IS 'the operator''s'`,
				`CREATE SCHEMA pgteal`, `CREATE TABLE pgteal.upgrade (pay numeric PRIMARY KEY)`, // a payroll's
				`CREATE PUBLICATION pgteal`,
				`CREATE SUBSCRIPTION "pgteal_Su""b" CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false)`,
				`SELECT pg_create_physical_replication_slot('`+slot+`')`)
			s.Exec(t, "postgres", `SELECT pg_create_logical_replication_slot('pgteal_mine', 'pgoutput')`)
			found := run(t, s, 18)
			in := ` in database "We""ird; DROP"`
			want(t, found, "own-role", finding.Upgrade, "role pgteal", "ALTER ROLE pgteal RENAME TO ...;")
			want(t, found, "own-names", finding.Upgrade, `schema pgteal`+in, `ALTER SCHEMA pgteal RENAME TO ...;`)
			want(t, found, "own-names", finding.Upgrade, `publication pgteal`+in, `ALTER PUBLICATION pgteal RENAME TO ...;`)
			want(t, found, "own-names", finding.Upgrade, `subscription "pgteal_Su""b"`+in, `ALTER SUBSCRIPTION "pgteal_Su""b" RENAME TO ...;`)
			want(t, found, "own-names", finding.Upgrade, fmt.Sprintf("replication slot %s", slot)+in, "Give its consumer a slot of another name")
			want(t, found, "own-names", finding.Upgrade, `replication slot pgteal_mine in database postgres`, "Give its consumer")
			if len(with("own-names", found)) != 5 {
				t.Errorf("found\n%s", show(found))
			}
			s.Exec(t, weird, `ALTER ROLE pgteal RENAME TO other`, `ALTER SCHEMA pgteal RENAME TO other`, `ALTER PUBLICATION pgteal RENAME TO other`,
				`ALTER SUBSCRIPTION "pgteal_Su""b" RENAME TO other`, `SELECT pg_drop_replication_slot('`+slot+`')`)
			s.Exec(t, "postgres", `SELECT pg_drop_replication_slot('pgteal_mine')`)
			found = run(t, s, 18)
			if own := append(with("own-names", found), with("own-role", found)...); len(own) > 0 {
				t.Errorf("with other names found\n%s", show(own))
			}
		})
	}
}
