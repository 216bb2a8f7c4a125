package switchover

import (
	"math"
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

// The range of a bigint sequence does not fit an int64 when it begins below zero.
func TestValuesLeft(t *testing.T) {
	for _, c := range []struct {
		at, increment, least, greatest int64
		left, all                      float64
	}{
		{1, 1, 1, 101, 100, 100},
		{91, 10, 1, 101, 1, 10},
		{95, 10, 1, 101, 0, 10},
		{101, 1, 1, 101, 0, 100},
		{-90, -3, -100, -1, 3, 33},
		{2147483647 + 5, 1, 1, 2147483647, 0, 2147483646}, // beyond the column that it feeds
		{0, 1, math.MinInt64, math.MaxInt64, 1 << 63, 1 << 64},
	} {
		if left, all := valuesLeft(c.at, c.increment, c.least, c.greatest); left != c.left || all != c.all {
			t.Errorf("%+v: %.0f of %.0f left", c, left, all)
		}
	}
}
