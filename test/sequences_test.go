package test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/test/site"
)

// TRUNCATE ... RESTART IDENTITY is replicated with its restart. A table that is filled anew with as many rows again and again leaves its sequence where it
// was at the last look, while the other side's has been restarted since.
func TestASequenceThatReplicationRestartedIsSetAgain(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	s.Blue.Exec(t, "shop", `CREATE TABLE public.staging (id serial PRIMARY KEY)`, `ALTER TABLE public.staging OWNER TO `+site.App)
	pgteal(t, done, s, "prepare")
	for _, move := range []struct {
		command  string
		from, to int
	}{
		{"switchover", s.Blue.Port, s.GreenPort},
		{"rollback", s.GreenPort, s.Blue.Port},
	} {
		refills := refill(t, s, move.from)
		pgteal(t, done, s, move.command)
		refills()
		got := s.AsApp(t, move.to, "shop", `SELECT (nextval('public.staging_id_seq') - max(id))::text FROM public.staging`)
		if got != "1" {
			t.Errorf("after %s the next value is %s after the highest one, not 1", move.command, got)
		}
	}
}

// refill fills a table anew again and again until the fence ends its session, or the returned function does.
func refill(t *testing.T, s *site.Site, port int) (stop func()) {
	t.Helper()
	conn, err := s.Client(t.Context(), port, "shop")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	begun, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		defer postgres.Close(conn)
		for n := 0; ; n++ {
			_, err := conn.Exec(ctx, `TRUNCATE public.staging RESTART IDENTITY; INSERT INTO public.staging SELECT FROM generate_series(1, 5)`,
				pgx.QueryExecModeSimpleProtocol) // one message, so one transaction
			if n == 0 {
				close(begun)
			}
			if err != nil {
				return
			}
		}
	}()
	<-begun
	return func() { cancel(); <-ended }
}
