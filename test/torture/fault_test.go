package torture

import (
	"time"
)

// kind is a kind of fault: a way to disturb a run of pgteal.
type kind struct {
	name    string
	often   int // how often it is drawn, in proportion to the others
	moments []moment
	longest time.Duration // a random time up to this lies between its begin and its end; 0: it is over at once

	needsProxy, needsDisk bool

	kills    bool // pgteal itself is killed: its guard acts at once
	deaf     bool // nobody of pgteal's outlives it: clients may wait for the next command
	hopeless bool // the upgrade cannot go on: pgteal has to say so

	// strike makes the fault happen, and returns what ends it; nil where it has ended.
	strike func(*round, strike) (end func())
}

// weight is how often the fault is drawn in a round.
func (k *kind) weight(p plan) int {
	if k.needsProxy && !p.proxy || k.needsDisk && !p.disk {
		return 0
	}
	return k.often
}

var (
	anywhere = []moment{begun, fencing, fencing, fencing, fencing, committed, committed, switched}
	inPause  = []moment{fencing, fencing, committed}
)

// faults are all of them but slotLost, which ends a round.
func faults() (all []*kind) {
	for _, some := range [][]*kind{processFaults(), sessionFaults(), serverFaults(), networkFaults(), diskFaults()} {
		all = append(all, some...)
	}
	return all
}
