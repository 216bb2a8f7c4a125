package demo

import (
	"context"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/switchover"
)

// rounds is how many switchovers the median is taken of.
const rounds = 10

// BenchmarkPause measures the pause of ten switchovers from 15 to 18 with eight writers through PgBouncer, each on clusters of its own, and
// beside it the downtime of pg_upgrade --link in place on the same data.
func BenchmarkPause(b *testing.B) {
	options := Options{From: 15, To: 18, Scale: 1, Writers: 8}
	for range b.N {
		var pauses, slowest []float64
		phases := map[string][]float64{}
		var acknowledged, errors, lost, duplicated int64
		for range rounds {
			r, err := Run(b.Context(), options, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.Logf("pause %.1f ms, slowest statement %.1f ms, %v", r.Switchover.PauseMS, r.Clients.MaxLatencyMS, r.Switchover.PhasesMS)
			pauses, slowest = append(pauses, r.Switchover.PauseMS), append(slowest, r.Clients.MaxLatencyMS)
			for _, phase := range switchover.Phases() {
				phases[phase] = append(phases[phase], r.Switchover.PhasesMS[phase])
			}
			acknowledged += r.Clients.Acknowledged
			errors += r.Clients.Errors
			lost += r.Clients.Lost
			duplicated += r.Clients.Duplicated
		}
		inPlace := downtimeInPlace(b, options)
		b.ReportMetric(median(pauses), "pause-ms")
		b.ReportMetric(slices.Max(pauses), "longest-pause-ms")
		b.ReportMetric(median(slowest), "slowest-statement-ms")
		for phase, ms := range phases {
			b.ReportMetric(median(ms), phase+"-ms")
		}
		b.ReportMetric(float64(acknowledged), "acknowledged")
		b.ReportMetric(float64(errors), "errors")
		b.ReportMetric(float64(lost), "lost")
		b.ReportMetric(float64(duplicated), "repeated")
		b.ReportMetric(inPlace, "in-place-ms")
		b.ReportMetric(inPlace/median(pauses), "in-place/pause")
	}
}

// downtimeInPlace upgrades the same data as people do without pgteal: initdb beforehand, then stop, pg_upgrade --link, start.
func downtimeInPlace(b *testing.B, options Options) float64 {
	b.Helper()
	ctx := b.Context()
	s := newStage(options, nil)
	l, _ := s.place.(*local)
	b.Cleanup(func() {
		if err := s.clear(); err != nil {
			b.Error(err)
		}
	})
	if err := s.build(ctx); err != nil {
		b.Fatal(err)
	}
	s.bouncer.Stop()
	green := l.greenCluster()
	arguments := []string{"--username", superuser, "--auth", "trust", "--locale", "C.UTF-8", "--encoding", "UTF8"}
	if s.options.To >= 18 {
		arguments = append(arguments, "--no-data-checksums") // 18 turns them on, and pg_upgrade wants both alike
	}
	if err := green.Init(ctx, arguments...); err != nil {
		b.Fatal(err)
	}
	begun := time.Now()
	if err := l.blue.Stop(ctx, "fast"); err != nil {
		b.Fatal(err)
	}
	if err := l.upgradeInPlace(ctx, green); err != nil {
		b.Fatal(err)
	}
	err := green.Start(ctx, filepath.Join(s.directory, "green.log"), pgctl.Setting{Name: "port", Value: strconv.Itoa(l.greenPort)},
		pgctl.Setting{Name: "unix_socket_directories", Value: s.directory})
	if err != nil {
		b.Fatal(err)
	}
	return float64(time.Since(begun).Microseconds()) / 1000
}

func (l *local) upgradeInPlace(ctx context.Context, green pgctl.Cluster) error {
	cmd := green.Command(ctx, l.stage.account, "pg_upgrade", "--link", "--jobs", strconv.Itoa(runtime.NumCPU()), "--username", superuser,
		"--socketdir", l.stage.directory, "-b", l.blue.Directory, "-B", green.Directory, "-d", l.blue.DataDirectory, "-D", green.DataDirectory)
	cmd.Dir = l.stage.directory
	_, err := cmd.Output()
	return err
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
