package rename_test

import (
	"testing"

	"github.com/pgteal/pgteal/internal/route/rdsapi/rdstest"
)

// Each operation lasts until everything is renamed. No instance is restarted here.
func BenchmarkPoint(b *testing.B) {
	rdstest.BenchmarkPoint(b, "ms-without-name/op", func(blue, green string) rdstest.Switched {
		s := start(b, 0, blue, green)
		return rdstest.Switched{Route: s.open(b), Stage: s.Stage, Host: s.blue.Host, Blue: s.blue, Green: s.green}
	})
}
