package audit

import (
	"math/bits"
	"time"
)

// Every power of two of microseconds is divided into so many equal steps, so a quantile is at most 1/64 too high.
const (
	stepBits = 6
	steps    = 1 << stepBits
)

// histogram counts durations. Its size is the same for one and for a billion of them; the largest is exact.
type histogram struct {
	counts [(40 - stepBits) * steps]int64 // up to 2^39 µs, six days
	total  int64
	max    time.Duration
}

func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.counts[min(step(uint64(d.Microseconds())), len(h.counts)-1)]++ //nolint:gosec // it is not negative
	h.total++
	h.max = max(h.max, d)
}

// step is the index of the count for us microseconds.
func step(us uint64) int {
	exponent := max(bits.Len64(us)-stepBits-1, 0) // how many low bits do not matter
	return exponent*steps + int(us>>exponent)     //nolint:gosec // it is below 2^7
}

// above is the first number of microseconds behind those of step i.
func above(i int) uint64 {
	exponent := max(i/steps-1, 0)
	return uint64(i-exponent*steps+1) << exponent //nolint:gosec // it is positive
}

// quantile returns a duration that the share q of all does not exceed.
func (h *histogram) quantile(q float64) time.Duration {
	wanted := int64(q * float64(h.total))
	var seen int64
	for i, n := range &h.counts {
		if seen += n; n > 0 && seen >= wanted {
			return min(time.Duration(above(i))*time.Microsecond, h.max) //nolint:gosec // it is below 2^40
		}
	}
	return h.max
}
