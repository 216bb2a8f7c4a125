package pgbouncer_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/pgtest"
)

// BenchmarkPause measures what a route through PgBouncer adds to a pause, under 8 writers whose transactions take some milliseconds.
func BenchmarkPause(b *testing.B) {
	blue, green := pgtest.Start(b, 15), pgtest.Start(b, 18)
	for _, s := range []*pgtest.Server{blue, green} {
		s.Exec(b, "postgres", "CREATE TABLE public.written (n bigint)")
	}
	for _, databases := range []int{1, 8, 64} {
		entries := []string{"[databases]\n; %[2]s"}
		for i := range databases {
			entries = append(entries, fmt.Sprintf("db%d = host=127.0.0.1 port=%%[1]d dbname=postgres", i))
		}
		b.Run(fmt.Sprintf("databases=%d", databases), func(b *testing.B) {
			benchmarkPause(b, blue, green, strings.Join(entries, "\n"), databases)
		})
	}
	b.Run("wildcard", func(b *testing.B) {
		benchmarkPause(b, blue, green, "[databases]\n* = dbname=postgres host=127.0.0.1 port=%[1]d\n; %[2]s\n", 8)
	})
}

func benchmarkPause(b *testing.B, blue, green *pgtest.Server, entries string, databases int) {
	b.Helper()
	p := start(b, blue, entries)
	r := open(b, p)
	if _, err := r.Check(b.Context()); err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	var writers sync.WaitGroup
	var slowest [8]time.Duration
	for i := range 8 {
		conn := connect(b, p, fmt.Sprintf("db%d", i%databases))
		writers.Go(func() {
			for ctx.Err() == nil {
				begun := time.Now()
				_, err := conn.Exec(b.Context(), fmt.Sprintf("INSERT INTO public.written SELECT 1 FROM pg_sleep(%f)", rand.Float64()*0.005))
				if err != nil {
					b.Errorf("a writer: %v", err)
					return
				}
				slowest[i] = max(slowest[i], time.Since(begun))
			}
		})
	}
	var hold, point, release time.Duration
	const rounds = 20
	for b.Loop() {
		for round := range rounds {
			<-time.After(100 * time.Millisecond) // writers get busy again
			to := []*pgtest.Server{green, blue}[round%2]
			t0 := time.Now()
			err := r.Hold(b.Context())
			t1 := time.Now()
			if err == nil {
				err = r.Point(b.Context(), endpoint(to.Port))
			}
			t2 := time.Now()
			if err == nil {
				err = r.Release(b.Context())
			}
			if err != nil {
				b.Fatal(err)
			}
			hold, point, release = hold+t1.Sub(t0), point+t2.Sub(t1), release+time.Since(t2)
		}
	}
	stop()
	writers.Wait()
	for name, d := range map[string]time.Duration{"hold-ms": hold, "point-ms": point, "release-ms": release} {
		b.ReportMetric(d.Seconds()*1000/rounds/float64(b.N), name)
	}
	var worst time.Duration
	for _, d := range slowest {
		worst = max(worst, d)
	}
	b.ReportMetric(worst.Seconds()*1000, "slowest-ms")
}
