// Package finding holds what checks and guardrails report: an object, why it matters, and what mends it.
package finding

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pgteal/pgteal/internal/fault"
)

// Blocks says what a finding stands in the way of.
type Blocks string

// What a finding can block, the gravest first.
const (
	Upgrade    Blocks = "upgrade"    // prepare refuses to begin
	Switchover Blocks = "switchover" // prepare may go on, the switchover refuses
	Nothing    Blocks = "nothing"    // the operator should know
)

// Finding is one thing that a check or a guardrail found.
type Finding struct {
	Check  string `json:"check"`  // the check's name, such as "replica-identity"
	Blocks Blocks `json:"blocks"` // what it stands in the way of
	Object string `json:"object"` // full name, such as `table public.orders in database shop`
	Reason string `json:"reason"` // why it matters, one or two sentences
	Fix    string `json:"fix"`    // the exact SQL, command or setting that mends it

	Database string  `json:"database,omitempty"` // where SQL in Fix is to be run; empty: in any
	Repair   *Repair `json:"repair,omitempty"`   // what pgteal check --fix does about it; nil: it is the operator's to mend
}

// Repair is a change of blue's catalogs or settings that is safe while blue serves, and how it is taken back.
type Repair struct {
	Database string `json:"database,omitempty"` // where it is made; empty: in the maintenance database
	SQL      string `json:"sql"`                // one statement
	Undo     string `json:"undo"`               // the statement that takes it back, as things are now
	TakeBack string `json:"take_back"`          // a query for that statement as things are then; no row where somebody has changed or needs it
	Restart  bool   `json:"restart,omitempty"`  // it takes effect when blue is started again, which pgteal leaves to the operator
}

// Kind is what all findings of one name are about.
type Kind struct {
	Name   string
	Blocks Blocks // what the gravest of them blocks
	Why    string // what goes wrong when nobody looks
}

// OneLine is an error as a part of a reason: on one line, and without a full stop.
func OneLine(err error) string {
	return strings.TrimRight(strings.Join(strings.Fields(err.Error()), " "), ".")
}

func rank(b Blocks) int { return slices.Index([]Blocks{Upgrade, Switchover, Nothing}, b) }

// Sort puts findings in the order in which an operator should read them: by what they block, then by check, reason and object.
func Sort(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(rank(a.Blocks), rank(b.Blocks)), cmp.Compare(a.Check, b.Check),
			cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Object, b.Object))
	})
}

// Blocking returns the findings that block what.
// What blocks the upgrade blocks the switchover too.
func Blocking(findings []Finding, what Blocks) []Finding {
	var blocking []Finding
	for _, f := range findings {
		if rank(f.Blocks) <= rank(what) {
			blocking = append(blocking, f)
		}
	}
	return blocking
}

// mostNamed bounds how many findings an error names. Commands that show findings show all of them.
const mostNamed = 20

// Forbid makes an error of kind fault.Forbidden of the findings that forbid to go on. Its hint is what mends them.
func Forbid(findings []Finding) error {
	var reasons []error
	var fixes []string
	for _, f := range findings[:min(mostNamed, len(findings))] {
		reasons = append(reasons, fmt.Errorf("%s: %s: %s", f.Check, f.Object, f.Reason))
		if !slices.Contains(fixes, f.Fix) {
			fixes = append(fixes, f.Fix)
		}
	}
	if more := len(findings) - mostNamed; more > 0 {
		reasons = append(reasons, fmt.Errorf("and %d more", more))
	}
	return fault.New(fault.Forbidden, errors.Join(reasons...), strings.Join(fixes, "\n"))
}
