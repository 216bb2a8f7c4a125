package audit

import (
	"errors"
	"io"
	"time"
)

// book keeps the tallies of a summary.
type book struct {
	all       tally
	databases map[string]*tally
	writers   map[string]*tally
}

func newBook() *book { return &book{databases: map[string]*tally{}, writers: map[string]*tally{}} }

func (b *book) add(w Writer, e event) {
	b.all.add(e)
	of(b.databases, w.Database).add(e)
	of(b.writers, w.ID).add(e)
}

func of(tallies map[string]*tally, key string) *tally {
	t := tallies[key]
	if t == nil {
		t = &tally{}
		tallies[key] = t
	}
	return t
}

func (b *book) summary() Summary {
	s := Summary{Metrics: b.all.metrics(), Databases: map[string]Metrics{}, Writers: map[string]Metrics{}}
	s.LongestGapMS, s.LongestGapAt = 0, time.Time{}
	for name, t := range b.databases {
		s.Databases[name] = t.metrics()
		// A database that stands still is not made up for by another that goes on.
		if t.LongestGapMS > s.LongestGapMS {
			s.LongestGapMS, s.LongestGapAt = t.LongestGapMS, t.LongestGapAt
		}
	}
	for name, t := range b.writers {
		s.Writers[name] = t.metrics()
	}
	return s
}

// Summarize reads the logs in directory. Their writers may still be writing.
func Summarize(directory string) (Summary, error) {
	b := newBook()
	if err := inOrder(directory, b.add); err != nil {
		return Summary{}, err
	}
	names, err := logs(directory)
	if err != nil {
		return Summary{}, err
	}
	for _, name := range names {
		if err := b.countUnfinished(name); err != nil {
			return Summary{}, err
		}
	}
	return b.summary(), nil
}

// countUnfinished counts the operations without an outcome in a log.
func (b *book) countUnfinished(name string) error {
	r, err := openReader(name)
	if err != nil {
		return err
	}
	defer r.close()
	var ahead event
	for {
		o, err := r.nextOperation(&ahead)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if o.kind == intent {
			b.all.Unfinished++
			of(b.databases, r.writer.Database).Unfinished++
			of(b.writers, r.writer.ID).Unfinished++
		}
	}
}

// Ack is an acknowledged operation.
type Ack struct {
	Operation string    `json:"operation"` // WRITER/NUMBER
	Database  string    `json:"database"`
	Begun     time.Time `json:"begun"` // when the client began it
	At        time.Time `json:"at"`    // when the client had the answer
	Server    int       `json:"server"`
}

// EachAck hands on every acknowledged operation in the logs, in the order of their answers.
func EachAck(directory string, do func(Ack)) error {
	return inOrder(directory, func(w Writer, e event) {
		if e.kind == ack {
			do(Ack{Operation: operationID(w.ID, e.op), Database: w.Database, Begun: e.at.Add(-e.latency), At: e.at, Server: e.server})
		}
	})
}

// FirstAck returns the earliest acknowledged operation in the logs that is accepts, such as the first after an instant, or the
// first that another server answered. It returns false where there is none.
func FirstAck(directory string, is func(Ack) bool) (first Ack, found bool, err error) {
	err = EachAck(directory, func(a Ack) {
		if !found && is(a) {
			first, found = a, true
		}
	})
	return first, found, err
}
