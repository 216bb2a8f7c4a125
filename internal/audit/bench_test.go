package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/pgtest"
)

// BenchmarkWriters lets eight writers of each kind run without thinking for some seconds, and judges them.
func BenchmarkWriters(b *testing.B) {
	for _, work := range audit.Works() {
		b.Run(string(work), func(b *testing.B) {
			s := pgtest.Start(b, 18)
			databases := []string{"postgres"}
			if err := audit.Install(b.Context(), s.Server, databases); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				directory := b.TempDir()
				var all []audit.Writer
				for i := range 8 {
					all = append(all, audit.Writer{
						ID: fmt.Sprintf("w%d-%d", i, b.N), Database: "postgres", Directory: directory, Work: work, Think: -1,
						Conninfo: fmt.Sprintf("host=127.0.0.1 port=%d user=postgres sslmode=disable", s.Port),
					})
				}
				load, err := audit.Start(b.Context(), all...)
				if err != nil {
					b.Fatal(err)
				}
				time.AfterFunc(4*time.Second, func() { _ = load.Stop() }) // its error comes again below
				begun := time.Now()
				pgtest.Eventually(b, time.Minute, "the writers are at rest", func() bool { return time.Since(begun) > 4*time.Second })
				if err := load.Stop(); err != nil {
					b.Fatal(err)
				}
				took := time.Since(begun)
				begun = time.Now()
				v, err := audit.Judge(b.Context(), directory, s.Server, databases)
				if err != nil || !v.Clean() {
					b.Fatal(v.Damage(), err)
				}
				b.ReportMetric(float64(v.Acknowledged)/took.Seconds(), "acks/s")
				b.ReportMetric(float64(v.Checked)/time.Since(begun).Seconds(), "judged/s")
				b.ReportMetric(v.P50LatencyMS, "p50-ms")
				b.ReportMetric(v.P99LatencyMS, "p99-ms")
			}
		})
	}
}
