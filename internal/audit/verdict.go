package audit

import (
	"fmt"
	"strings"
)

// listed is how many operations of each kind of damage a verdict names.
const listed = 20

// Verdict is what the logs say of the databases. Its metrics, too, come from the logs alone.
type Verdict struct {
	Summary

	// Operations that were acknowledged and are not in the ledger.
	Lost           int64    `json:"lost"`
	LostOperations []string `json:"lost_operations"`

	// Operations that are in the ledger more than once, and values that a sequence gave twice.
	Duplicated           int64    `json:"duplicated"`
	DuplicatedOperations []string `json:"duplicated_operations"`

	// Operations in the ledger that were never intended, or that the server had refused.
	Phantom           int64    `json:"phantom"`
	PhantomOperations []string `json:"phantom_operations"`

	// Operations that are there in part: in the ledger without all that they did, or the other way round.
	Half           int64    `json:"half"`
	HalfOperations []string `json:"half_operations"`

	SumsBroken []Sum `json:"sums_broken"`

	Checked int64 `json:"checked"` // operations in the logs, each looked up in the ledger
}

// Sum is an amount that is not what it has to be.
type Sum struct {
	Database string `json:"database"`
	Of       string `json:"of"`
	Expected int64  `json:"expected"`
	Found    int64  `json:"found"`
}

// Clean tells whether every operation is there as often as it was acknowledged, whole. Errors are no damage: the client was told.
func (v *Verdict) Clean() bool {
	return v.Lost == 0 && v.Duplicated == 0 && v.Phantom == 0 && v.Half == 0 && len(v.SumsBroken) == 0
}

// Damage says in a line what is not as it should be, "" where all is.
func (v *Verdict) Damage() string {
	var parts []string
	say := func(n int64, what string, which []string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s (%s)", n, what, strings.Join(which, ", ")))
		}
	}
	say(v.Lost, "lost", v.LostOperations)
	say(v.Duplicated, "duplicated", v.DuplicatedOperations)
	say(v.Phantom, "phantom", v.PhantomOperations)
	say(v.Half, "half applied", v.HalfOperations)
	for _, s := range v.SumsBroken {
		parts = append(parts, fmt.Sprintf("%s in database %q is %d, not %d", s.Of, s.Database, s.Found, s.Expected))
	}
	return strings.Join(parts, "; ")
}

func (v *Verdict) lost(id string) { note(&v.Lost, &v.LostOperations, id) }

func (v *Verdict) duplicated(id string) { note(&v.Duplicated, &v.DuplicatedOperations, id) }

func (v *Verdict) phantom(id string) { note(&v.Phantom, &v.PhantomOperations, id) }

func (v *Verdict) half(id string) { note(&v.Half, &v.HalfOperations, id) }

func note(count *int64, list *[]string, id string) {
	*count++
	if len(*list) < listed {
		*list = append(*list, id)
	}
}
