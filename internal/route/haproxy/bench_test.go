package haproxy_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// BenchmarkPause measures what a route through HAProxy adds to a pause, under 8 writers who connect again when their session ends, and
// with as many idle sessions as it says. Slowest is the longest that a writer was without an answer.
func BenchmarkPause(b *testing.B) {
	blue, green := pgtest.Start(b, 15), pgtest.Start(b, 18)
	for _, s := range []*pgtest.Server{blue, green} {
		s.Exec(b, "postgres", "CREATE TABLE public.written (n int)")
	}
	for _, test := range []struct {
		name, setup string
		idle        int
	}{
		{"servers=1/idle=0", single, 0},
		{"servers=1/idle=80", single, 80},
		{"servers=2/idle=0", double, 0},
		{"servers=2/idle=80", double, 80},
	} {
		b.Run(test.name, func(b *testing.B) { benchmarkPause(b, test.setup, blue, green, test.idle) })
	}
}

func benchmarkPause(b *testing.B, setup string, blue, green *pgtest.Server, idle int) {
	b.Helper()
	r := start(b, setup, blue.Port, green.Port)
	h := r.route()
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	var writers sync.WaitGroup
	var slowest [8]time.Duration
	var errors atomic.Int64 // sessions that ended
	for i := range slowest {
		writers.Go(func() {
			var conn *pgx.Conn
			last := time.Now()
			for ctx.Err() == nil {
				var err error
				if conn == nil {
					if conn, err = pgx.Connect(b.Context(), r.conninfo("postgres")); err != nil {
						conn = nil // it was logging in when the route left
						continue
					}
				}
				if _, err = conn.Exec(b.Context(), "INSERT INTO public.written SELECT 1 FROM pg_sleep(0.002)"); err != nil {
					postgres.Close(conn)
					conn = nil
					errors.Add(1)
					continue
				}
				slowest[i], last = max(slowest[i], time.Since(last)), time.Now()
			}
			if conn != nil {
				postgres.Close(conn)
			}
		})
	}
	var hold, move, release time.Duration
	const rounds = 10
	for b.Loop() {
		for round := range rounds {
			for range idle {
				if _, err := connect(b, r); err != nil {
					b.Fatal(err)
				}
			}
			<-time.After(50 * time.Millisecond) // writers get busy again
			to := []*pgtest.Server{green, blue}[round%2]
			t0 := time.Now()
			do(b, "Hold", h.Hold)
			t1 := time.Now()
			point(b, h, to.Port)
			t2 := time.Now()
			do(b, "Release", h.Release)
			hold, move, release = hold+t1.Sub(t0), move+t2.Sub(t1), release+time.Since(t2)
		}
	}
	stop()
	writers.Wait()
	for name, d := range map[string]time.Duration{"hold-ms": hold, "point-ms": move, "release-ms": release} {
		b.ReportMetric(d.Seconds()*1000/rounds/float64(b.N), name)
	}
	var worst time.Duration
	for _, d := range slowest {
		worst = max(worst, d)
	}
	b.ReportMetric(worst.Seconds()*1000, "slowest-ms")
	b.ReportMetric(float64(errors.Load())/rounds/float64(b.N), "ended-sessions")
}
