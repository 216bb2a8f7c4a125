package check_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// What pg_upgrade --check takes, and the new major refuses all the same, is found too.
func TestWhatTheNewMajorRefusesToMakeIsFound(t *testing.T) {
	t.Parallel()
	blue, green := pgtest.Start(t, 13), pgtest.Start(t, 18)
	var libraries string
	err := blue.In(t.Context(), "postgres", func(conn *pgx.Conn) error {
		return conn.QueryRow(t.Context(), `SELECT setting FROM pg_config() WHERE name = 'PKGLIBDIR'`).Scan(&libraries)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		check, makes, state, object, fix string
	}{
		{
			"libraries", `CREATE FUNCTION "Go""ne"(text) RETURNS bool LANGUAGE c AS '$libdir/pgxml', 'xml_is_well_formed'`, "42883",
			"library $libdir/pgxml", `DROP FUNCTION public."Go""ne"(text);`,
		},
		{
			"libraries", `CREATE FUNCTION here(cstring) RETURNS int LANGUAGE c AS ` + postgres.Literal(libraries+"/hstore") + `, 'hstore_in'`, "XX000",
			"library " + libraries + "/hstore", "DROP FUNCTION public.here(cstring);",
		},
		{
			"generated-inheritance", `CREATE TABLE plain (a int PRIMARY KEY, b int); CREATE TABLE heir (PRIMARY KEY (a),
				b int GENERATED ALWAYS AS (a + 1) STORED) INHERITS (plain)`, "42611",
			"column b of table public.heir", "ALTER TABLE public.heir NO INHERIT public.plain;",
		},
	} {
		blue.Exec(t, "postgres", test.makes)
		_, err := green.Connect(t, "postgres").Exec(t.Context(), test.makes)
		if postgres.SQLState(err) != test.state {
			t.Errorf("%s: 18 does not refuse: %v", test.object, err)
		}
		found := run(t, blue, 18)
		want(t, found, test.check, finding.Upgrade, test.object+" in database postgres", test.fix)
		for _, f := range with(test.check, found) {
			blue.Exec(t, "postgres", f.Fix)
		}
		if found := with(test.check, run(t, blue, 18)); len(found) > 0 {
			t.Errorf("still found %s", show(found))
		}
	}
}
