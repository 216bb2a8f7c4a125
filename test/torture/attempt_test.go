package torture

import (
	"time"

	"github.com/pgteal/pgteal/internal/switchover"
	"github.com/pgteal/pgteal/test/site"
)

// record is what became of a strike.
type record struct {
	strike
	command string
	missed  bool      // the command had ended before
	struck  time.Time //
	healed  time.Time // from here on clients should be able to write: the fault is over, and somebody of pgteal's works on it
	settled time.Time // the process and its guard have ended
	ended   string    // how the attempt ended, and by whom
	repeats int       // how often the operator had to run the command again

	gap   time.Duration // the longest without a write in a database, of those that touch the time until all had settled
	again time.Duration // from healed until clients of every database and path had written
}

// move moves the writers, whatever strikes. It tells whether pgteal said that the upgrade cannot go on.
func (r *round) move(number int, m move) (hopeless bool) {
	r.t.Helper()
	for _, s := range m {
		if s.hopeless {
			hopeless = true
			r.records = append(r.records, &record{strike: s, command: commandOf(number), struck: time.Now(), settled: time.Now(), ended: "refused"})
			s.strike(r, s)
			continue
		}
		if s.at != begun && r.serving() == clusterOf(number) {
			continue // there will be no pause any more
		}
		r.attempt(commandOf(number), s)
	}
	return r.insist(number, hopeless)
}

// attempt runs a command that a fault strikes, and waits until nobody of pgteal's is at work any more.
func (r *round) attempt(name string, s strike) {
	r.t.Helper()
	r.next()
	record := &record{strike: s, command: name}
	r.records = append(r.records, record)
	attempts := len(r.attempts())
	w := r.watch()
	r.running = r.start(name)
	if record.missed = !r.awaitMoment(s, w); record.missed {
		r.await(r.running)
		r.logf("%-10s %s: came too late, exit code %d:\n%s", name, s, r.running.code, r.running.said())
		return
	}
	record.struck = time.Now()
	if end := s.strike(r, s); end != nil {
		timer := time.NewTimer(s.lasts) // for how long is chance
		<-timer.C
		end()
	}
	if record.healed = time.Now(); s.deaf {
		record.healed = time.Time{}
	}
	r.await(r.running)
	r.awaitGuards()
	record.settled = time.Now()
	record.ended = r.ended(attempts)
	r.logf("%-10s %s: %s, exit code %d", name, s, record.ended, r.running.code)
	if !s.deaf {
		site.AwaitWrites(r.t, r.load, r.writers)
	}
}

// next notes that a next command begins to work on what nobody did.
func (r *round) next() {
	for _, record := range r.records {
		if record.deaf && !record.missed && record.healed.IsZero() {
			record.healed = time.Now()
		}
	}
}

// ended says how the attempt ended that the running command made, where there were so many before.
func (r *round) ended(before int) string {
	all := r.attempts()
	if len(all) == before {
		if r.running.code == done {
			return "nothing to do"
		}
		return "not begun"
	}
	last := all[len(all)-1]
	switch {
	case last.Outcome == switchover.Fencing || last.Outcome == switchover.Committed:
		return "left as " + string(last.Outcome)
	case last.EndedBy != "":
		return string(last.Outcome) + " by " + last.EndedBy
	}
	return string(last.Outcome)
}

// insist runs a command until it succeeds, or says that the upgrade cannot go on where that is so.
func (r *round) insist(number int, hopeless bool) bool {
	r.t.Helper()
	name := commandOf(number)
	deadline := time.Now().Add(commandLimit)
	last := ""
	for n := 0; ; n++ {
		r.next()
		c := r.start(name)
		r.await(c)
		r.awaitGuards()
		if n > 0 && len(r.records) > 0 {
			r.records[len(r.records)-1].repeats = n
		}
		switch {
		case c.code == done && hopeless:
			r.t.Fatalf("%s succeeded, although it could not\n%s", c.line(), c.said())
		case c.code == done:
			r.awaitReign(clusterOf(number), time.Now())
			site.AwaitWrites(r.t, r.load, r.writers)
			r.logf("%-10s done, in %s", name, time.Since(c.begun).Round(time.Millisecond))
			return false
		case c.code == forbidden && hopeless:
			r.logf("%-10s exit code %d:\n%s", name, c.code, c.said())
			site.AwaitWrites(r.t, r.load, r.writers)
			return true
		case c.code == usage || time.Now().After(deadline):
			r.t.Fatalf("%s does not succeed: exit code %d\n%s", c.line(), c.code, c.said())
		}
		if said := c.said(); said != last {
			r.logf("%-10s again, after exit code %d:\n%s", name, c.code, said)
			last = said
		}
	}
}
