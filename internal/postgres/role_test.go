package postgres_test

import (
	"testing"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

func TestOnlyTheUpgradeThatMadeTheRoleChangesAndDropsIt(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	conn := s.Connect(t, "postgres")
	look := func() (roles string) {
		t.Helper()
		err := conn.QueryRow(t.Context(), `SELECT coalesce(string_agg(a::text || coalesce(shobj_description(oid, 'pg_authid'), ''), ' '), '')
			FROM pg_authid a WHERE rolname = 'pgteal'`).Scan(&roles)
		if err != nil {
			t.Fatal(err)
		}
		return roles
	}
	create := func(upgrade string) error {
		return postgres.CreateRole(t.Context(), conn, upgrade, postgres.NewPassword(), nil)
	}
	drop := func(upgrade string) { // in a session of its own, which it leaves as another role
		t.Helper()
		if err := postgres.DropRole(t.Context(), s.Connect(t, "postgres"), upgrade); err != nil {
			t.Fatal(err)
		}
	}
	for _, setup := range [][]string{
		{`CREATE ROLE pgteal LOGIN PASSWORD 'theirs'`},
		{`COMMENT ON ROLE pgteal IS 'pgteal''s own?'`},
		{`DROP ROLE pgteal`, `CREATE ROLE pgteal PASSWORD 'theirs'`, `COMMENT ON ROLE pgteal IS 'pgteal, upgrade another'`},
	} {
		s.Exec(t, "postgres", setup...)
		before := look()
		if err := create("ours"); fault.KindOf(err) != fault.Forbidden || fault.HintOf(err) == "" {
			t.Errorf("%q: made: %v", setup, err)
		}
		drop("ours")
		if after := look(); after != before {
			t.Errorf("%q: the role was\n%s\nand is\n%s", setup, before, after)
		}
	}
	drop("another")
	if roles := look(); roles != "" {
		t.Errorf("its upgrade did not drop it: %s", roles)
	}
	for range 2 { // it can be repeated
		if err := create("ours"); err != nil {
			t.Fatal(err)
		}
	}
	drop("ours")
	drop("ours")
	if roles := look(); roles != "" {
		t.Errorf("left: %s", roles)
	}
}
