package demo

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/switchover"
)

// BenchmarkThereAndBack measures the pauses of ten switchovers from 15 to 18 and of ten rollbacks, in turn on the same clusters, with eight
// writers through PgBouncer.
func BenchmarkThereAndBack(b *testing.B) {
	for range b.N {
		s := newStage(Options{From: 15, To: 18, Scale: 1, Writers: 8}, nil)
		b.Cleanup(func() {
			if err := s.clear(); err != nil {
				b.Error(err)
			}
		})
		thereAndBack(b, s)
	}
}

func thereAndBack(b *testing.B, s *stage) {
	b.Helper()
	ctx := b.Context()
	if err := s.build(ctx); err != nil {
		b.Fatal(err)
	}
	load, err := audit.Start(ctx, s.writers()...)
	if err != nil {
		b.Fatal(err)
	}
	defer load.Stop() //nolint:errcheck // on the way out of a failure; else it was stopped before
	u, err := s.upgrade(ctx)
	if u != nil {
		defer u.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
	for i := range rounds {
		for _, move := range []func(context.Context) error{u.Rollback, u.Switchover} {
			if err := wait(ctx, time.Second); err != nil {
				b.Fatal(err)
			}
			if i == rounds-1 && len(u.Report().Attempts) == 2*rounds {
				break // as many there as back
			}
			if err := move(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := load.Stop(); err != nil {
		b.Fatal(err)
	}
	l, _ := s.place.(*local)
	blue, err := l.open("blue", l.bluePort)
	if err != nil {
		b.Fatal(err)
	}
	verdict, err := audit.Judge(ctx, s.logs(), blue, s.databases)
	if err != nil {
		b.Fatal(err)
	}
	pauses, phases := map[string][]float64{}, map[string][]float64{}
	for _, a := range u.Report().Attempts {
		b.Logf("to %-5s pause %5.1f ms, %v", a.To, a.PauseMS, a.PhasesMS)
		pauses[a.To] = append(pauses[a.To], a.PauseMS)
		for _, phase := range switchover.Phases() {
			phases[phase] = append(phases[phase], a.PhasesMS[phase])
		}
	}
	silences := silences(b, s)
	b.ReportMetric(median(silences), "silence-ms")
	b.ReportMetric(slices.Max(silences), "longest-silence-ms")
	b.ReportMetric(median(pauses["green"]), "switchover-ms")
	b.ReportMetric(median(pauses["blue"]), "rollback-ms")
	b.ReportMetric(slices.Max(slices.Concat(pauses["green"], pauses["blue"])), "longest-pause-ms")
	for phase, ms := range phases {
		b.ReportMetric(median(ms), phase+"-ms")
	}
	b.ReportMetric(verdict.MaxLatencyMS, "slowest-statement-ms")
	b.ReportMetric(float64(verdict.Acknowledged), "acknowledged")
	b.ReportMetric(float64(verdict.Errors), "errors")
	b.ReportMetric(float64(verdict.Lost), "lost")
	b.ReportMetric(float64(verdict.Duplicated), "repeated")
}

// silences are the times from the last write that one side acknowledged to the first that the other one did, in milliseconds: the pause as all
// clients together saw it.
func silences(b *testing.B, s *stage) (silences []float64) {
	b.Helper()
	var last audit.Ack
	err := audit.EachAck(s.logs(), func(a audit.Ack) {
		if last.Server != 0 && a.Server != last.Server {
			silences = append(silences, float64(a.At.Sub(last.At).Microseconds())/1000)
		}
		last = a
	})
	if err != nil {
		b.Fatal(err)
	}
	return silences
}
