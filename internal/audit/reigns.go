package audit

import (
	"slices"
	"time"
)

// Reign is a stretch in which one cluster took writes and no other did.
type Reign struct {
	Side   string    `json:"side"`
	First  time.Time `json:"first"` // when its first write was answered
	Last   time.Time `json:"last"`  // when its last one was
	Writes int       `json:"writes"`
}

// Reigns puts accepted writes into as few reigns as can be. Each write lies at some instant between its begin and its end, so
// writes of two clusters that overlap could have happened in either order, and the kinder one is assumed. What is left is
// certain: after one switchover there are two reigns, one of each side; more reigns than switchovers account for mean that both
// clusters took writes at once.
func Reigns(accepted []Accepted) []Reign {
	inOrder := slices.Clone(accepted)
	slices.SortStableFunc(inOrder, func(a, b Accepted) int { return a.Begun.Compare(b.Begun) })
	var best []Reign
	tried := map[string]bool{}
	for _, a := range inOrder {
		if tried[a.Side] {
			continue
		}
		tried[a.Side] = true
		if reigns := reignsFrom(a.Side, accepted); best == nil || len(reigns) < len(best) {
			best = reigns
		}
	}
	return best
}

// reignsFrom begins with a reign of side. Each reign lasts as long as it can: until the first end of another side's write, which
// by then has to have happened.
func reignsFrom(side string, accepted []Accepted) (reigns []Reign) {
	pending := slices.Clone(accepted)
	slices.SortFunc(pending, func(a, b Accepted) int { return a.Ended.Compare(b.Ended) })
	for len(pending) > 0 {
		until := slices.IndexFunc(pending, func(a Accepted) bool { return a.Side != side })
		reign := Reign{Side: side}
		rest := pending[:0:0]
		for _, a := range pending {
			if a.Side != side || until >= 0 && a.Begun.After(pending[until].Ended) {
				rest = append(rest, a)
				continue
			}
			if reign.Writes == 0 {
				reign.First = a.Ended
			}
			reign.Last = a.Ended
			reign.Writes++
		}
		if reign.Writes > 0 {
			reigns = append(reigns, reign)
		}
		if pending = rest; len(pending) > 0 {
			side = pending[0].Side
		}
	}
	return reigns
}
