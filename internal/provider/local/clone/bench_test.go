package clone_test

import (
	"fmt"
	"os/exec"
	"testing"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/provider/local/clone"
)

// BenchmarkClone makes clones of clusters of three sizes on XFS, by reflinks and by copying, with blue's checkpoint and the sync.
func BenchmarkClone(b *testing.B) {
	dir := image(b, "xfs", 10240)
	blue := startBlue(b, dir, 15, pgctl.Setting{Name: "max_wal_size", Value: "1GB"})
	blue.Exec(b, "postgres", `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots`)
	const tableMB = 100
	tables := 0
	for _, megabytes := range []int{200, 1000, 4000} {
		for ; tables*tableMB < megabytes; tables++ {
			blue.Exec(b, "postgres", fmt.Sprintf(`CREATE TABLE public.fill_%d AS
				SELECT repeat(md5(n::text), 25) AS filler FROM generate_series(1, 119000) AS n`, tables))
		}
		blue.Exec(b, "postgres", `CHECKPOINT`, `SELECT pg_create_physical_replication_slot('keep', true)`)
		if out, err := exec.Command("sync", "-f", dir).CombinedOutput(); err != nil { // blue's servers in tests do not
			b.Fatalf("%v: %s", err, out)
		}
		for _, method := range []string{clone.Reflink, clone.Copy} {
			b.Run(fmt.Sprintf("%s/%dMB", method, megabytes), func(b *testing.B) {
				for b.Loop() {
					target := targetIn(b, dir)
					run(b, blue, target, method)
					b.StopTimer()
					if err := clone.Discard(b.Context(), target); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
				b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/clone")
			})
		}
		blue.Exec(b, "postgres", `SELECT pg_drop_replication_slot('keep')`)
	}
}
