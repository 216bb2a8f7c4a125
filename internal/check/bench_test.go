package check_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
)

// BenchmarkCheck measures a whole check: its time, and in sys-MB all memory that this process has had from the system so far.
func BenchmarkCheck(b *testing.B) {
	for _, size := range []struct{ databases, tables, sequences int }{{1, 1000, 1000}, {100, 100, 500}} {
		name := fmt.Sprintf("databases=%d/tables=%d/sequences=%d", size.databases, size.databases*size.tables, size.databases*size.sequences)
		b.Run(name, func(b *testing.B) {
			s := pgtest.Start(b, 15, settings("max_replication_slots", "250", "max_wal_senders", "250", "max_locks_per_transaction", "1000")...)
			s.Exec(b, "postgres", `CREATE DATABASE db1`)
			s.Exec(b, "db1",
				fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP
					EXECUTE format('CREATE TABLE t%%s (id bigint PRIMARY KEY, a text, b timestamptz, c jsonb, d numeric, e int)', i);
					EXECUTE format('CREATE INDEX ON t%%s (b)', i); END LOOP; END $$`, size.tables),
				fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP EXECUTE format('CREATE SEQUENCE s%%s', i); END LOOP; END $$`, size.sequences), `ANALYZE`)
			for i := 2; i <= size.databases; i++ {
				s.Exec(b, "postgres", fmt.Sprintf(`CREATE DATABASE db%d TEMPLATE db1 STRATEGY file_copy`, i))
			}
			programs, err := pgctl.Find(18)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := check.Run(b.Context(), check.Target{Blue: s.Server, To: 18, Programs: programs}); err != nil {
					b.Fatal(err)
				}
			}
			var memory runtime.MemStats
			runtime.ReadMemStats(&memory)
			b.ReportMetric(float64(memory.Sys>>20), "sys-MB")
		})
	}
}
