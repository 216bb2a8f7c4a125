package test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/test/site"
)

// rows of a large transaction. A million behaves the same and takes five times as long.
const rows = 200_000

// large is a client's session with a large transaction open.
type large struct {
	*pgx.Conn
	name string
}

func largeSite(t *testing.T) *site.Site {
	t.Helper()
	s := site.New(t, site.Options{})
	s.Blue.Exec(t, "shop", "CREATE TABLE public.large (name text, i integer, what text, PRIMARY KEY (name, i))", "GRANT ALL ON public.large TO app")
	return s
}

func beginLarge(t *testing.T, s *site.Site, port int, name string) large {
	t.Helper()
	conn, err := s.Client(t.Context(), port, "shop")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { postgres.Close(conn) })
	l := large{conn, name}
	insert := `INSERT INTO public.large SELECT '%s', i, 'row' FROM generate_series(%d, %d) i`
	for _, statement := range []string{
		"BEGIN", fmt.Sprintf(insert, name, 1, rows/2), "SAVEPOINT s", fmt.Sprintf(insert, name, rows/2+1, rows),
		"ROLLBACK TO s", fmt.Sprintf(insert, name, rows/2+1, rows),
	} {
		l.exec(t, statement)
	}
	return l
}

func (l large) exec(t *testing.T, statement string) {
	t.Helper()
	if _, err := l.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// checkRows sees that green has all rows of a transaction, or none.
func checkRows(t *testing.T, s *site.Site, name string, want int) {
	t.Helper()
	got := s.AsApp(t, s.GreenPort, "shop", "SELECT count(*)::text FROM public.large WHERE name = '"+name+"'")
	if got != fmt.Sprint(want) {
		t.Errorf("green has %s rows of the transaction %q, not %d", got, name, want)
	}
}

// fenced returns when blue turns clients away.
func fenced(t *testing.T, s *site.Site) {
	t.Helper()
	pgtest.Eventually(t, patience, "blue turns clients away", func() bool {
		return strings.Contains(s.AsApp(t, s.Blue.Port, "shop", "SELECT 1"), "pg_hba.conf rejects")
	})
}

func pause(s *site.Site, open string, longest time.Duration) string {
	return strings.Replace(s.Config(), "{max_pause: 20s}", fmt.Sprintf("{max_pause: %s, open_transactions: %s}", longest, open), 1)
}

// overAge switches over although a transaction may be older than max_pause by the time of the guardrails, on a busy machine.
var overAge = []string{"switchover", "--force", "long-transactions", "--force", "idle-in-transaction"}

// The fence waits for a large transaction as long as it may. What commits meanwhile is not lost; what does not keeps the writers on blue.
func TestLargeTransactionsThatTheFenceWaitsFor(t *testing.T) {
	s := largeSite(t)
	pgteal(t, done, s, "prepare")
	load := s.Load(t, s.Bouncer.Port, 4)

	// Through PgBouncer: its clients are held, the transaction goes on, and the attempt backs out.
	s.Write(t, pause(s, "end", 6*time.Second))
	pooled := beginLarge(t, s, s.Bouncer.Port, "pooled")
	pgteal(t, backedOut, s, overAge...).says(t, "backed out", "blue serves")
	site.AwaitWrites(t, load, 4)
	pooled.exec(t, "COMMIT")

	// On a direct connection, not ended in time.
	s.Write(t, pause(s, "wait", 4*time.Second))
	late := beginLarge(t, s, s.Blue.Port, "late")
	pgteal(t, backedOut, s, overAge...).says(t, "1 transactions did not end", `"app"`)
	site.AwaitWrites(t, load, 4)
	late.exec(t, "COMMIT")
	if n := load.Summary().Errors; n != 0 {
		t.Errorf("clients of PgBouncer saw %d errors: %+v", n, load.Summary().Failures)
	}

	// Ended while the fence waits, after another that ended right before it.
	s.Write(t, pause(s, "wait", 30*time.Second))
	before := beginLarge(t, s, s.Blue.Port, "before")
	during := beginLarge(t, s, s.Blue.Port, "during")
	before.exec(t, "COMMIT")
	switching := begin(t, s, overAge...)
	fenced(t, s)
	during.exec(t, "COMMIT")
	switching.end(t).wants(t, done)
	for _, name := range []string{"pooled", "late", "before", "during"} {
		checkRows(t, s, name, rows)
	}
	site.AwaitWrites(t, load, 4)
	pgteal(t, done, s, "finish")
	if v := s.Judge(t, load, s.Green(t)); v.Errors != 0 {
		t.Errorf("clients of PgBouncer saw %d errors: %+v", v.Errors, v.Failures)
	}
}

// With open_transactions: end, a large transaction is ended when half of the pause is over, and its client is told.
func TestALargeTransactionThatTheFenceEnds(t *testing.T) {
	s := largeSite(t)
	pgteal(t, done, s, "prepare")
	load := s.Load(t, s.Bouncer.Port, 4)
	s.Write(t, pause(s, "end", 6*time.Second))
	kept := beginLarge(t, s, s.Blue.Port, "kept")
	ended := beginLarge(t, s, s.Blue.Port, "ended")
	kept.exec(t, "COMMIT")
	pgteal(t, done, s, overAge...)
	if _, err := ended.Exec(context.Background(), "COMMIT"); err == nil {
		t.Error("a transaction that was ended is acknowledged")
	}
	checkRows(t, s, "kept", rows)
	checkRows(t, s, "ended", 0)
	site.AwaitWrites(t, load, 4)
	pgteal(t, done, s, "finish")
	if v := s.Judge(t, load, s.Green(t)); v.Errors != 0 {
		t.Errorf("clients of PgBouncer saw %d errors: %+v", v.Errors, v.Failures)
	}
}
