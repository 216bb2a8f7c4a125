package test

import (
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/test/site"
)

// unfixed has what check --fix mends: tables without a replica identity, and too few slots.
func unfixed(t *testing.T) *site.Site {
	t.Helper()
	s := site.New(t, site.Options{Settings: []string{"max_replication_slots = 2"}})
	s.Blue.Exec(t, site.Weird, `CREATE SCHEMA "S""; DROP"`,
		`CREATE TABLE "S""; DROP"."No""key" (a int)`, `INSERT INTO "S""; DROP"."No""key" VALUES (1), (2)`,
		`CREATE TABLE "S""; DROP".nothing (a int PRIMARY KEY)`, `ALTER TABLE "S""; DROP".nothing REPLICA IDENTITY NOTHING`,
		`CREATE TABLE "S""; DROP".indexed (a int NOT NULL UNIQUE)`)
	return s
}

const identities = `SELECT string_agg(relname || ' ' || relreplident::text, ', ' ORDER BY relname) FROM pg_class
	WHERE relnamespace = '"S""; DROP"'::regnamespace AND relkind = 'r'`

const (
	asFound = `No"key d, indexed d, nothing n`
	mended  = `No"key f, indexed i, nothing d`
)

// answer runs check --fix with answers on its standard input.
func answer(t *testing.T, want fault.Kind, s *site.Site, answers string, args ...string) outcome {
	t.Helper()
	o := beginWith(t, s, strings.NewReader(answers), append([]string{"check", "--fix"}, args...)...).end(t)
	o.wants(t, want)
	return o
}

// restart starts blue again, as the operator does.
func restart(t *testing.T, s *site.Site) {
	t.Helper()
	err := s.Blue.Cluster.Stop(t.Context(), "fast")
	if err == nil {
		err = s.Blue.Cluster.Start(t.Context(), s.Blue.LogFile)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What check --fix changed for the upgrade alone, abort puts back.
func TestFixIsAskedForAndTakenBackByAbort(t *testing.T) {
	s := unfixed(t)
	found := s.Look(t)
	ask := func(query string) string { return s.Ask(t, s.Blue, site.Weird, query) }

	pgteal(t, forbidden, s, "check").says(t, "4 of them block the upgrade", "pgteal check --fix mends 4 of them")
	for _, args := range [][]string{{"--yes"}, {"--fix", "--json"}, {"--fix", "--explain"}, {"--parameters", "--rehearse"}, {"--explain", "--json"}} {
		pgteal(t, usage, s, append([]string{"check"}, args...)...).says(t, "next: ")
	}
	answer(t, forbidden, s, "").says(t, `ALTER TABLE "S""; DROP"."No""key" REPLICA IDENTITY FULL;`, "do it?")
	answer(t, forbidden, s, "no\nabort\nyikes\nq\n").says(t, "0 mended")
	found.Check(t, s.Look(t))
	pgteal(t, done, s, "abort").says(t, "knows of nothing that was made")
	found.Check(t, s.Look(t))

	answer(t, forbidden, s, "n\ny\nq\n").says(t, "1 mended", "3 of them block the upgrade")
	pgteal(t, done, s, "status")
	answer(t, forbidden, s, "all\n").says(t, "3 mended", "when you restart blue", "1 of them block the upgrade")
	restart(t, s)
	pgteal(t, done, s, "check")
	if is := ask(identities); is != mended {
		t.Errorf("after --fix: %s", is)
	}
	// The operator's own: another identity, another name, a slot without which blue would not start with so few.
	s.Blue.Exec(t, site.Weird, `ALTER TABLE "S""; DROP".indexed REPLICA IDENTITY NOTHING`, `ALTER TABLE "S""; DROP"."No""key" RENAME TO "Re""named"`)
	s.Blue.Exec(t, "postgres", `SELECT pg_create_physical_replication_slot(name) FROM (VALUES ('a'), ('b'), ('c')) v(name)`)
	pgteal(t, done, s, "abort").says(t, "left on blue as it is", "max_replication_slots", `REPLICA IDENTITY USING INDEX indexed_a_key`)
	if is := ask(identities); is != `Re"named d, indexed n, nothing n` {
		t.Errorf("after abort: %s", is)
	}
	restart(t, s)
}

// By then pgteal's own role, as which abort reaches blue, has gone.
func TestFixIsTakenBackByAbortOfWhatWasPrepared(t *testing.T) {
	s := unfixed(t)
	found := s.Look(t)
	answer(t, forbidden, s, "", "--yes")
	restart(t, s)
	pgteal(t, done, s, "prepare")
	pgteal(t, done, s, "abort")
	found.Check(t, s.Look(t))
}

// A table that somebody holds is left as it is, and so is what he makes of it. The others are mended.
func TestARepairThatFailsIsNotTakenBack(t *testing.T) {
	s := unfixed(t)
	holder := s.Blue.Connect(t, site.Weird)
	must(t, holder, "BEGIN", `LOCK TABLE "S""; DROP"."No""key" IN ACCESS SHARE MODE`)
	o := beginWith(t, s, nil, "check", "--fix", "--yes").end(t)
	o.wants(t, failed)
	o.says(t, "3 mended", `"No""key"`, "lock timeout")
	must(t, holder, `ALTER TABLE "S""; DROP"."No""key" REPLICA IDENTITY FULL`, "COMMIT")
	pgteal(t, done, s, "abort")
	if is := s.Ask(t, s.Blue, site.Weird, identities); is != `No"key f, indexed d, nothing n` {
		t.Errorf("after abort: %s", is)
	}
}

// Green, which has the changes from blue, is rid of them after finish, and so is blue.
func TestFixIsTakenBackByFinish(t *testing.T) {
	s := unfixed(t)
	o := answer(t, forbidden, s, "", "--yes", "--json")
	if made, _ := at(t, o.document(t), "repaired").([]any); len(made) != 4 {
		t.Errorf("made %v", made)
	}
	restart(t, s)
	load := s.Load(t, s.Bouncer.Port, 2)
	pgteal(t, done, s, "prepare")
	s.Blue.Exec(t, site.Weird, `UPDATE "S""; DROP"."No""key" SET a = a + 10`)
	pgteal(t, done, s, "switchover")
	green := s.Green(t)
	ask := func(query string) string { return s.Ask(t, green, site.Weird, query) }
	if is := ask(identities); is != mended {
		t.Errorf("before finish: %s", is)
	}
	site.AwaitWrites(t, load, 2)
	pgteal(t, done, s, "finish")
	if is := ask(identities); is != asFound {
		t.Errorf("after finish: %s", is)
	}
	if rows := ask(`SELECT string_agg(a::text, ' ' ORDER BY a) FROM "S""; DROP"."No""key"`); rows != "11 12" {
		t.Errorf("green has %s", rows)
	}
	if v := s.Judge(t, load, green); v.Errors > 0 {
		t.Errorf("clients saw %d errors: %+v", v.Errors, v.Failures)
	}
	if err := s.Blue.Cluster.Start(t.Context(), s.Blue.LogFile); err != nil {
		t.Fatal(err)
	}
	if is := s.Ask(t, s.Blue, site.Weird, identities); is != asFound {
		t.Errorf("after finish blue has: %s", is)
	}
}
