package rdsproxy_test

import (
	"testing"

	"github.com/pgteal/pgteal/internal/route/rdsapi/rdstest"
)

func BenchmarkPoint(b *testing.B) {
	rdstest.BenchmarkPoint(b, "ms-without-target/op", func(blue, green string) rdstest.Switched {
		s := start(b, 0, blue, green)
		return rdstest.Switched{Route: s.open(b), Stage: s.Stage, Host: s.endpoint, Blue: s.blue, Green: s.green}
	})
}
