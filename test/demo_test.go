package test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/pgteal/pgteal/internal/pgtest"
)

func TestTheDemoProvesItself(t *testing.T) {
	for _, demo := range []struct {
		provider string
		from, to int
	}{{"local", 13, 18}, {"local", 17, 18}, {"aurora", 13, 17}} {
		t.Run(fmt.Sprintf("%s, %d to %d", demo.provider, demo.from, demo.to), func(t *testing.T) {
			pgtest.NeedUpgrade(t, demo.from, demo.to)
			t.Setenv("TMPDIR", pgtest.Directory(t))
			o := start(t, nil, "demo", "--provider", demo.provider, "--from", strconv.Itoa(demo.from), "--to", strconv.Itoa(demo.to),
				"--writers", "4", "--json").end(t)
			o.wants(t, done)
			report := o.document(t)
			checkReport(t, report, demo.provider)
			for _, key := range []string{"clients.lost", "clients.duplicated", "clients.errors", "clients.phantom", "clients.half"} {
				if n := number(t, report, key); n != 0 {
					t.Errorf("%s is %v", key, n)
				}
			}
			for _, key := range []string{"clients.acknowledged", "clients.max_latency_ms", "clients.p50_latency_ms"} {
				if n := number(t, report, key); n <= 0 {
					t.Errorf("%s is %v", key, n)
				}
			}
			t.Logf("pause %.0f ms", number(t, report, "switchover.pause_ms"))
		})
	}
}
