package postgres

import (
	"math"
	"testing"
)

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
		b := BoundedSequence{Increment: c.increment, Least: c.least, Greatest: c.greatest}
		if left, all := b.left(c.at); left != c.left || all != c.all {
			t.Errorf("%+v: %.0f of %.0f left", c, left, all)
		}
	}
}
