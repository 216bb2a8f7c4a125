package test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/test/site"
)

// A table that goes while green is being made is told as what it is, and prepare goes on once it is back.
func TestPrepareTellsOfASchemaThatHasChanged(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	create := `CREATE TABLE public."Go""ne" (id integer PRIMARY KEY)`
	s.Blue.Exec(t, "shop", create)
	h := newHooks(t)
	s.Write(t, h.config(s, "before verify"))
	h.does(t, "before verify", "exit 1")
	pgteal(t, failed, s, "prepare")
	h.does(t, "before verify", "")
	s.Blue.Exec(t, "shop", `DROP TABLE public."Go""ne"`)
	pgteal(t, forbidden, s, "prepare").says(t, "1 tables are not the same", `shop.public."Go""ne"`, "green only", "Schema changes are not replicated")
	s.Blue.Exec(t, "shop", create)
	pgteal(t, done, s, "prepare")
	pgteal(t, forbidden, s, "switchover", "--dry-run").says(t, "unpublished-tables") // the new one's rows would stay behind
}

// A transaction for which the pause waits may change the schema after the guardrails have compared it. What it makes would be missing on green.
func TestASchemaChangeThatThePauseWaitsForBacksOut(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	const function = `CREATE OR REPLACE FUNCTION public.f() RETURNS integer LANGUAGE sql AS 'SELECT %d'`
	s.Blue.Exec(t, "shop", `CREATE TABLE public.kept (id integer PRIMARY KEY, what text)`, fmt.Sprintf(function, 1))
	pgteal(t, done, s, "prepare")
	s.Write(t, pause(s, "wait", 30*time.Second))
	conn := s.Blue.Connect(t, "shop")
	for _, change := range []struct{ does, undoes string }{
		{`CREATE UNIQUE INDEX late ON public.kept (id, what)`, `DROP INDEX public.late`},
		{fmt.Sprintf(function, 2), fmt.Sprintf(function, 1)},
		{`CREATE VIEW public.late AS SELECT 1`, `DROP VIEW public.late`},
		{`CREATE DOMAIN public.late AS integer`, `DROP DOMAIN public.late`},
	} {
		o := switchDuring(t, s, conn, change.does)
		o.wants(t, backedOut)
		o.says(t, "its schema changed since the guardrails compared it")
		conn = s.Blue.Connect(t, "shop") // the fence has ended the other one
		must(t, conn, change.undoes)
	}
	// What every application does is no change of the schema.
	const noChange = `REINDEX TABLE public.kept; CREATE TEMPORARY TABLE late (id serial PRIMARY KEY CHECK (id > 0)); ANALYZE public.kept`
	switchDuring(t, s, conn, noChange).wants(t, done)
}

// switchDuring switches over while a transaction is open that has made a change, and commits it once the fence waits for it.
func switchDuring(t *testing.T, s *site.Site, conn *pgx.Conn, change string) outcome {
	t.Helper()
	must(t, conn, "BEGIN", change)
	switching := begin(t, s, overAge...)
	fenced(t, s)
	must(t, conn, "COMMIT")
	return switching.end(t)
}
