package check_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
)

// stops lets green follow blue in one server, makes one change, and waits until apply has said why it stops.
func stops(t *testing.T, s *pgtest.Server, change, said string, statements ...string) {
	t.Helper()
	blue, _ := subscribe(t, s, statements...)
	if _, err := blue.Exec(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, time.Minute, "apply says: "+said, func() bool { return logged(t, s, said) })
}

func TestApplyStopsAtADomainThatBlueDidNotValidate(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, major)
			stops(t, s, `UPDATE t SET y = 1`, `violates check constraint "positive"`, `CREATE DOMAIN d AS int`,
				`CREATE TABLE t (id int PRIMARY KEY, x d, y int)`, `INSERT INTO t VALUES (1, -1, 0)`,
				`ALTER DOMAIN d ADD CONSTRAINT positive CHECK (VALUE > 0) NOT VALID`)
			if f := with("unvalidated-domains", runTarget(t, check.Target{Blue: s.Server, To: 19})); len(f) != 2 { // in blue and in green
				t.Errorf("found %s", show(f))
			}
		})
	}
}

func TestApplyStopsAtAFunctionThatNeedsASearchPath(t *testing.T) {
	t.Parallel()
	places := map[string]string{
		"index": `CREATE INDEX ON t (f(x))`, "predicate": `CREATE INDEX ON t (id) WHERE f(x) > ''`, "constraint": `ALTER TABLE t ADD CHECK (f(x) > '')`,
		"generated": `ALTER TABLE t ADD COLUMN g text GENERATED ALWAYS AS (f(x)) STORED`,
	}
	for place, statement := range places {
		for _, major := range []int{13, 18} {
			t.Run(fmt.Sprint(place, major), func(t *testing.T) {
				t.Parallel()
				s := pgtest.Start(t, major)
				statements := []string{
					`CREATE FUNCTION plain(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN lower($1); END'`,
					`CREATE FUNCTION f(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN plain($1); END'`,
					`CREATE TABLE t (id int PRIMARY KEY, x text)`, statement,
				}
				stops(t, s, `INSERT INTO t VALUES (1, 'A')`, `function plain(text) does not exist`, statements...)
				target := check.Target{Blue: s.Server, To: 19}
				found := with("apply-search-path", runTarget(t, target))
				if len(found) != 2 { // in blue and in green
					t.Errorf("found %s", show(found))
				}
				for _, f := range found {
					s.Exec(t, f.Database, f.Fix)
				}
				if found := with("apply-search-path", runTarget(t, target)); len(found) > 0 {
					t.Errorf("still found %s", show(found))
				}
			})
		}
	}
}

// What functions say without needing a search_path is not taken for a name, and what they call is looked at in turn.
func TestFunctionsAreReadAsTheServerReadsThem(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	createDatabase(t, s, weird,
		`CREATE SCHEMA "S""; DROP"`, `SET search_path = "S""; DROP"`, `CREATE TABLE "T""; DROP" (id int PRIMARY KEY, x text)`, `CREATE TABLE lookup (id int)`,
		`CREATE FUNCTION helper(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1'`,
		`CREATE FUNCTION fine(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
			DECLARE lookup text := 'helper(1) from lookup'; -- helper(1)
			BEGIN /* helper(
				) */ RETURN lower(lookup) || "S""; DROP".helper($1) || ('{}'::jsonb ->> 'x'); END $$`,
		`CREATE TABLE created (id int)`, `CREATE TABLE result (id int)`,
		`CREATE FUNCTION named(x timestamp) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
			DECLARE
				created timestamp := x;
				result int;
			BEGIN
				SELECT extract(year from created) INTO result;
				RETURN result + (WITH result AS (SELECT 1 AS n) SELECT n FROM result) + CASE WHEN x is distinct from created THEN 1 ELSE 0 END;
			END $$`,
		`CREATE TABLE at (at timestamp PRIMARY KEY)`, `CREATE INDEX ON at (named(at))`,
		`CREATE FUNCTION settled(text) RETURNS text IMMUTABLE LANGUAGE sql SET search_path = "S""; DROP" AS 'SELECT helper($1)'`,
		`CREATE INDEX ON "T""; DROP" (fine(x), settled(x))`)
	if found := with("apply-search-path", run(t, s, 18)); len(found) > 0 {
		t.Fatalf("found %s", show(found))
	}
	s.Exec(t, weird, `SET search_path = "S""; DROP"`,
		`CREATE FUNCTION "In""ner"(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
			BEGIN RETURN (SELECT max(id) FROM ONLY Lookup) || coalesce(helper($1), ''); END $$`,
		`CREATE FUNCTION outside(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT "S""; DROP"."In""ner"($1) $$`,
		`CREATE INDEX ON "T""; DROP" (outside(x))`)
	found := with("apply-search-path", run(t, s, 18))
	want(t, found, "apply-search-path", finding.Nothing, `function "S""; DROP"."In""ner"(text) in database "We""ird; DROP"`,
		`ALTER FUNCTION "S""; DROP"."In""ner"(text) SET search_path = "S""; DROP";`)
	if len(found) != 1 || !strings.Contains(found[0].Reason, "function helper, relation lookup") {
		t.Errorf("found %+v", found)
	}
	s.Exec(t, weird, `SET search_path = "S""; DROP"`, `CREATE TYPE st AS (a text)`, `CREATE DOMAIN email AS text`,
		`CREATE FUNCTION typed(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ DECLARE x st; r lookup%rowtype; BEGIN RETURN cast($1 as email); END $$`,
		`CREATE TABLE parts (x text) PARTITION BY HASH (typed(x))`)
	found = with("apply-search-path", run(t, s, 18))
	if len(found) != 2 || !strings.Contains(found[1].Reason, "relation lookup, type email, type lookup, type st") {
		t.Errorf("found %+v", found)
	}
}

// What a rechecking trigger of a deferrable constraint would do, apply leaves out: it brings what blue has checked.
func TestApplyBringsWhatDeferredConstraintsLetThrough(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, major)
			blue, green := subscribe(t, s,
				`CREATE TABLE t (id int PRIMARY KEY, u int UNIQUE DEFERRABLE INITIALLY DEFERRED, r int4range,
					EXCLUDE USING gist (r WITH &&) DEFERRABLE INITIALLY DEFERRED)`,
				`INSERT INTO t VALUES (1, 1, '[1,2)'), (2, 2, '[2,3)')`)
			_, err := blue.Exec(t.Context(), `BEGIN; UPDATE t SET u = 2, r = '[2,3)' WHERE id = 1; UPDATE t SET u = 1, r = '[1,2)' WHERE id = 2; COMMIT`)
			if err != nil {
				t.Fatal(err)
			}
			pgtest.Eventually(t, time.Minute, "the values are swapped", func() bool {
				return count(t, green, `t WHERE (id, u, r) IN ((1, 2, '[2,3)'), (2, 1, '[1,2)'))`) == 2
			})
		})
	}
}
