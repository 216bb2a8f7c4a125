package switchover

import (
	"testing"
	"time"
)

// A lag that comes and goes by chance is no trend.
func TestALagGrowsInTimeOrInBytes(t *testing.T) {
	const s, mb = time.Second, 1 << 20
	for name, c := range map[string]struct {
		seen []crossing
		want bool
	}{
		"fast":                    {[]crossing{{s, mb}}, false},
		"longer and longer":       {[]crossing{{s, mb}, {2 * s, mb}, {3 * s, mb}}, true},
		"farther behind":          {[]crossing{{s, mb}, {s, 2 * mb}, {s, 3 * mb}}, true},
		"a little longer":         {[]crossing{{100 * s, mb}, {101 * s, mb}, {102 * s, mb}}, false},
		"shorter in between":      {[]crossing{{2 * s, mb}, {s, mb}, {3 * s, mb}}, false},
		"shorter and shorter":     {[]crossing{{3 * s, 3 * mb}, {2 * s, 2 * mb}, {s, mb}}, false},
		"caught up in the end":    {[]crossing{{2 * s, mb}, {3 * s, 2 * mb}}, false},
		"as long, and as many mb": {[]crossing{{s, mb}, {s, mb}, {s, mb}}, false},
	} {
		if got := grows(c.seen); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
