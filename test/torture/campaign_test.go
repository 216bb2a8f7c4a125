// Package torture tries to break pgteal: rounds of one upgrade each, with switchovers and rollbacks under audited writers, while faults come
// at random instants. All that is random in a round comes from its seed, so a round that fails can be run again.
package torture

import (
	"fmt"
	"iter"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/pgteal/pgteal/test/site"
)

// What says how long to go on. With neither, the fixed rounds run.
const (
	seedVariable    = "TORTURE_SEED"    // one round, with the choices of this seed
	minutesVariable = "TORTURE_MINUTES" // rounds with new seeds; none begins after so many minutes
)

// fixed are the seeds of the short rounds that every run of the tests has: one in which pgteal, its guard and blue die around the commitment,
// and that ends with finish; and one in which blue dies before it, and that ends with abort.
var fixed = []uint64{250, 1244}

// program is the pgteal that is tortured.
var program string

func TestMain(m *testing.M) {
	os.Exit(run(m)) //nolint:forbidigo // this is the test's main
}

func run(m *testing.M) int {
	path, remove, err := site.Build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer remove()
	program = path
	return m.Run()
}

// Whatever happens to pgteal, to the servers, to PgBouncer and to what connects them: no acknowledged write is lost and none is there twice, never
// do two clusters take writes, clients can write again soon after, and the operator gets through by repeating the command.
func TestNoFaultAtAnyInstantLosesAWrite(t *testing.T) {
	results := newTally()
	defer func() { t.Logf("\n%s", results) }()
	for p := range plans(t) {
		t.Run(fmt.Sprint("seed ", p.seed), func(t *testing.T) { play(t, p, results) })
	}
}

// plans are the rounds to play.
func plans(t *testing.T) iter.Seq[plan] {
	t.Helper()
	return func(yield func(plan) bool) {
		switch seed, minutes := number(t, seedVariable), number(t, minutesVariable); {
		case seed > 0:
			yield(draw(seed))
		case minutes > 0:
			begun := time.Now()
			seed := uint64(begun.UnixMilli()) % 1_000_000_000
			for ; time.Since(begun) < time.Duration(minutes)*time.Minute; seed++ {
				if !yield(draw(seed)) {
					return
				}
			}
		default:
			for _, seed := range fixed {
				if !yield(draw(seed)) {
					return
				}
			}
		}
	}
}

// number is an environment variable's, 0 where it is not set.
func number(t *testing.T, variable string) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}
