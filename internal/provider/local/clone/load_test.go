package clone_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// load writes to blue until stop is called, which returns how many transactions committed: rows, subtransactions, DDL. One
// transaction with more than 64 open subtransactions lasts from before the clone until stop.
func load(t testing.TB, blue *pgtest.Server) (stop func() int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var commits atomic.Int64
	writer := func(one func(conn *pgx.Conn, n int) string) {
		conn, err := blue.Server.Connect(t.Context(), "postgres")
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			defer postgres.Close(conn)
			for n := 0; ctx.Err() == nil; n++ {
				if _, err := conn.Exec(t.Context(), one(conn, n)); err != nil {
					t.Errorf("load on blue: %v", err)
					return
				}
				commits.Add(1)
			}
		})
	}
	for range 4 {
		writer(func(_ *pgx.Conn, _ int) string {
			row := fmt.Sprintf(`INSERT INTO public.log VALUES (txid_current(), repeat('x', %d))`, rand.IntN(3000))
			return `BEGIN; ` + row + `; SAVEPOINT s; ` + row + `; COMMIT; SELECT pg_sleep(0.003)`
		})
	}
	for id := range 2 {
		writer(func(_ *pgx.Conn, n int) string {
			table := fmt.Sprintf("public.ddl_%d_%d", id, n%3)
			return `DROP TABLE IF EXISTS ` + table + `; CREATE TABLE ` + table + ` AS SELECT generate_series(1, 1000) AS n;
				TRUNCATE ` + table + `; INSERT INTO public.log VALUES (txid_current(), 'ddl'); SELECT pg_sleep(0.01)`
		})
	}
	long := blue.Connect(t, "postgres")
	statement := `BEGIN; INSERT INTO public.log VALUES (txid_current(), 'long')`
	for i := range 100 {
		statement += fmt.Sprintf(`; SAVEPOINT s%d; INSERT INTO public.log VALUES (txid_current(), 'long')`, i)
	}
	if _, err := long.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	stop = func() int64 {
		once.Do(func() {
			cancel()
			group.Wait()
			if _, err := long.Exec(context.Background(), `COMMIT`); err != nil && t.Context().Err() == nil {
				t.Error(err)
			}
		})
		return commits.Load() + 1
	}
	t.Cleanup(func() { stop() })
	return stop
}
