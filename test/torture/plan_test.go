package torture

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// moment is what a fault waits for.
type moment string

// Apart from the first they are phases of the attempt, as the journal names them.
const (
	begun     moment = "begun" // the process
	fencing   moment = "fencing"
	committed moment = "committed"
	switched  moment = "switched"
)

// latest bounds the random delay between a moment and the fault. A switchover takes about a second until it is fencing, and then some 100 ms.
var latest = map[moment]time.Duration{
	begun: 1500 * time.Millisecond, fencing: 80 * time.Millisecond, committed: 40 * time.Millisecond, switched: 300 * time.Millisecond,
}

// strike is a fault at an instant.
type strike struct {
	*kind
	at    moment
	delay time.Duration // after the moment
	lasts time.Duration // until the fault ends; 0 where it is over at once
}

func (s strike) String() string {
	text := fmt.Sprintf("%s, %s + %s", s.name, s.at, s.delay)
	if s.lasts > 0 {
		text += fmt.Sprintf(", for %s", s.lasts)
	}
	return text
}

// move is a switchover or a rollback, in turn. Each strike hits one run of its command; a run that nothing disturbs comes last.
type move []strike

// plan is all that is random in a round.
type plan struct {
	seed  uint64
	proxy bool // blue is reached through a proxy on TCP, not by its Unix socket
	disk  bool // green lies on a small disk of its own
	moves []move
	end   move // abort or finish, whichever it is
}

// draw makes the plan of a seed. It is the same one for as long as the kinds of faults are the same.
func draw(seed uint64) plan {
	random := rand.New(rand.NewPCG(seed, 0))
	p := plan{seed: seed, proxy: random.IntN(3) == 0, disk: random.IntN(3) == 0}
	kinds := faults()
	total := 0
	for _, f := range kinds {
		total += f.weight(p)
	}
	for range 2 + random.IntN(5) {
		var m move
		for range 1 + random.IntN(2) {
			m = append(m, drawStrike(random, p, kinds, total))
		}
		p.moves = append(p.moves, m)
	}
	if random.IntN(8) == 0 {
		last := len(p.moves) - 1
		p.moves[last] = move{{kind: slotLost(), at: begun}}
	}
	for range random.IntN(3) {
		p.end = append(p.end, strike{kind: kinds[0], at: begun, delay: drawTime(random, latest[begun])}) // SIGKILL of pgteal
	}
	return p
}

func drawStrike(random *rand.Rand, p plan, kinds []*kind, total int) strike {
	n := random.IntN(total)
	var s strike
	for _, f := range kinds {
		if n -= f.weight(p); n < 0 {
			s.kind = f
			break
		}
	}
	s.at = s.moments[random.IntN(len(s.moments))]
	s.delay = drawTime(random, latest[s.at])
	if s.longest > 0 {
		s.lasts = drawTime(random, s.longest)
	}
	return s
}

func drawTime(random *rand.Rand, longest time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(longest))).Round(time.Millisecond)
}

func (p plan) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s=%d", seedVariable, p.seed)
	if p.proxy {
		text.WriteString(", blue through a proxy")
	}
	if p.disk {
		text.WriteString(", green on a small disk")
	}
	for i, m := range append(slices.Clone(p.moves), p.end) {
		command := commandOf(i)
		if i == len(p.moves) {
			command = "the end"
		}
		fmt.Fprintf(&text, "\n  %s", command)
		for _, s := range m {
			fmt.Fprintf(&text, "; %s", s)
		}
	}
	return text.String()
}

// commandOf is the command of the move with number i.
func commandOf(i int) string { return []string{"switchover", "rollback"}[i%2] }

// clusterOf is the one that serves after the move with number i.
func clusterOf(i int) string { return []string{"green", "blue"}[i%2] }
