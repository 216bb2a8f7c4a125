package verify_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// Large transactions are applied ahead of their turn by parallel apply workers, some are rolled back, and all are in the way of one
// another.
func TestRunIsExactWithParallelApply(t *testing.T) {
	s := start(t, 17, 18, pgctl.Setting{Name: "logical_decoding_work_mem", Value: "64kB"},
		pgctl.Setting{Name: "max_parallel_apply_workers_per_subscription", Value: "4"})
	d := s.replicate(t, "parallel", bank, `CREATE TABLE wide (id int PRIMARY KEY, v int, t text)`,
		`INSERT INTO wide SELECT i, 0, repeat('x', 200) FROM generate_series(1, 2000) i`)
	d.on(t, s.green, "ALTER SUBSCRIPTION "+d.subscription()+" SET (streaming = parallel)")
	d.write(t, 1, transfer)
	d.write(t, 2, func(ctx context.Context, tx pgx.Tx, writer, n int) error {
		_, err := tx.Exec(ctx, fmt.Sprintf(`UPDATE wide SET v = v + 1 WHERE id %% 2 = %d AND id > %d; SELECT pg_sleep(0.05)`,
			writer, n%4*500))
		if n%3 == 2 && err == nil {
			_, err = tx.Exec(ctx, "SAVEPOINT s; UPDATE branches SET balance = -1 WHERE false; ROLLBACK TO s")
		}
		return err
	})
	request := d.request()
	request.MaxBlock = time.Second // the transactions take some 50 ms each, and the machine may be busy
	conn := s.green.Connect(t, d.Name)
	pgtest.Eventually(t, time.Minute, "parallel apply workers are at work", func() bool {
		var working bool
		err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_subscription WHERE leader_pid IS NOT NULL)").Scan(&working)
		return err == nil && working
	})
	for range 3 {
		wantEqual(t, run(t, request), bankTables+1, bankRows+2000)
	}
}

// The way back has an old subscriber.
func TestRunIsExactBackwards(t *testing.T) {
	s := start(t, 18, 13)
	d := s.replicate(t, "backwards", bank)
	d.write(t, 2, transfer)
	for range 3 {
		wantEqual(t, d.verify(t), bankTables, bankRows)
	}
	d.on(t, s.green, behindTheBack)
	wantDifferences(t, d.verify(t), behindTheBackFound...)
}

// BenchmarkVerify measures a comparison of one table of a million rows.
func BenchmarkVerify(b *testing.B) {
	const rows = 1_000_000
	s := start(b, 15, 18, pgctl.Setting{Name: "shared_buffers", Value: "512MB"}, pgctl.Setting{Name: "max_wal_size", Value: "4GB"})
	d := s.replicate(b, "bench",
		`CREATE TABLE orders (id bigint PRIMARY KEY, customer int, at timestamptz, total numeric(12,2), state text, note text)`,
		fmt.Sprintf(`INSERT INTO orders SELECT i, i %% 1000, 'epoch'::timestamptz + i * interval '1 s', i / 7.0,
			 'open', repeat('n', (i %% 60)::int)
			FROM generate_series(1, %d) i`, rows), `VACUUM ANALYZE orders`)
	for _, idle := range []bool{true, false} {
		name := "live"
		if idle {
			name = "idle"
		}
		b.Run(name, func(b *testing.B) {
			if !idle {
				stop := d.write(b, 2, func(ctx context.Context, tx pgx.Tx, writer, n int) error {
					_, err := tx.Exec(ctx, fmt.Sprintf(`UPDATE orders SET state = 'paid' WHERE id = %d`, 1+(n*7919+writer)%rows))
					return err
				})
				defer stop()
			}
			for b.Loop() {
				report := d.verify(b)
				wantEqual(b, report, 1, rows)
				b.ReportMetric(float64(report.Rows)/report.Seconds, "rows/s")
				b.ReportMetric(report.LongestBlockMS, "block-ms")
				b.ReportMetric(report.LongestStopMS, "stop-ms")
			}
		})
	}
}

// Where a client has locked one table and waits for another one that the comparison holds, while that waits for the first, the client is not
// what the server ends, however soon it looks for deadlocks.
func TestNoClientIsTheVictimOfADeadlock(t *testing.T) {
	s := start(t, 15, 18, pgctl.Setting{Name: "deadlock_timeout", Value: "20ms"})
	d := s.replicate(t, "deadlock", `CREATE TABLE a (id int PRIMARY KEY, v int)`, `CREATE TABLE b (id int PRIMARY KEY, v int)`,
		`CREATE TABLE c (id int PRIMARY KEY, v int)`,
		`INSERT INTO a VALUES (0, 0), (1, 0), (2, 0)`, `INSERT INTO b VALUES (0, 0)`, `INSERT INTO c VALUES (0, 0), (1, 0), (2, 0)`)
	var ended atomic.Int64
	d.write(t, 3, func(ctx context.Context, tx pgx.Tx, writer, _ int) error { // each has rows of its own
		// The first one keeps the comparison from b while another one, which has c, waits for a: then its wait is the older one, and comes first.
		statements := fmt.Sprintf(`UPDATE c SET v = v + 1 WHERE id = %d; UPDATE a SET v = v + 1 WHERE id = %[1]d`, writer)
		if writer == 0 {
			statements = `UPDATE b SET v = v + 1; SELECT pg_sleep(0.01)`
		}
		_, err := tx.Exec(ctx, statements)
		if postgres.SQLState(err) == "40P01" { // deadlock_detected
			ended.Add(1)
		}
		return err
	})
	for range 20 {
		d.verify(t)
	}
	if n := ended.Load(); n > 0 {
		t.Errorf("%d transactions were ended", n)
	}
}
