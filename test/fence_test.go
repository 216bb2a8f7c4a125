package test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/test/site"
)

// A transaction that is prepared once the guardrails have looked has no session that the fence could end. It must not stay behind on a
// cluster that nobody uses any more.
func TestATransactionPreparedBehindTheFenceBacksOut(t *testing.T) {
	s := site.New(t, site.Options{Direct: true, Settings: []string{"max_prepared_transactions = 5"}})
	s.Blue.Exec(t, "shop", "CREATE TABLE public.large (name text, i integer, what text, PRIMARY KEY (name, i))", "GRANT ALL ON public.large TO app")
	pgteal(t, done, s, "prepare")
	s.Write(t, pause(s, "wait", 20*time.Second))
	direct := beginLarge(t, s, s.Blue.Port, "direct")

	switching := begin(t, s, "switchover")
	fenced(t, s)
	direct.exec(t, "PREPARE TRANSACTION 'it''s'")
	o := switching.end(t)
	o.wants(t, backedOut)
	o.says(t, "prepared", "it's")

	s.Blue.Exec(t, "shop", "COMMIT PREPARED 'it''s'")
	pgteal(t, done, s, "switchover")
	checkRows(t, s, "direct", rows)
}

// A session for logical replication takes any statement, so the fence ends it like every other.
func TestAWalsenderDoesNotWriteThroughTheFence(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	s.Blue.Exec(t, "shop", "CREATE TABLE public.sent (i integer PRIMARY KEY)")
	pgteal(t, done, s, "prepare")
	sender, err := pgconn.Connect(t.Context(), fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=shop sslmode=disable replication=database",
		s.Blue.Port, pgtest.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close(t.Context()) //nolint:errcheck // it has been ended
	write := func(i int) error {
		return sender.Exec(t.Context(), fmt.Sprintf("INSERT INTO public.sent VALUES (%d)", i)).Close()
	}
	if err := write(1); err != nil {
		t.Fatal(err)
	}
	pgteal(t, done, s, "switchover")
	if err := write(2); err == nil {
		t.Error("blue took a write behind the fence")
	}
	var there int
	err = s.Green(t).Connect(t, "shop").QueryRow(t.Context(), "SELECT count(*) FROM public.sent").Scan(&there)
	if err != nil || there != 1 {
		t.Errorf("green has %d rows (%v), and 1 was acknowledged", there, err)
	}
}
