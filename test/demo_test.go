package test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/pgteal/pgteal/internal/pgtest"
)

func TestTheDemoProvesItself(t *testing.T) {
	for _, majors := range [][2]int{{13, 18}, {15, 17}, {17, 18}} {
		t.Run(fmt.Sprintf("%d to %d", majors[0], majors[1]), func(t *testing.T) {
			pgtest.NeedUpgrade(t, majors[0], majors[1])
			o := start(t, nil, "demo", "--from", strconv.Itoa(majors[0]), "--to", strconv.Itoa(majors[1]), "--writers", "4", "--json").end(t)
			o.wants(t, done)
			report := o.document(t)
			checkReport(t, report)
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
