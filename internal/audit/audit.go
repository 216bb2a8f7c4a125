// Package audit puts load on a cluster and keeps a record of its own of what the cluster acknowledged.
//
// Writers do units of work, called operations, one after the other. Each operation is one transaction. It has an identity, the
// writer's name and a counter, and leaves it as a row in a ledger in the database, in that same transaction. What the writer
// intends, and what it was answered, goes to a log file outside of every database. Afterwards Judge holds the logs against the
// cluster that serves in the end, and says exactly which operations were lost, applied twice, applied in part, or appeared from
// nowhere. Writers know nothing of pgteal: they have a connection string each, as applications do.
package audit

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Work is a kind of operations.
type Work string

// The kinds of work.
const (
	Single    Work = "single"    // single statements that insert, update and delete rows
	Transfer  Work = "transfer"  // transactions over several tables that move amounts between accounts; the sum stays
	Large     Work = "large"     // transactions of Writer.Rows rows
	Sequence  Work = "sequence"  // inserts that take values of a serial, an identity and a descending sequence
	Heartbeat Work = "heartbeat" // an insert into the ledger and nothing else
)

// Works lists the kinds of work.
func Works() []Work { return []Work{Single, Transfer, Large, Sequence, Heartbeat} }

// Writer says what one writer does. It is passed by value and as JSON to another process, on a pipe, since a connection string
// may hold a password.
type Writer struct {
	ID        string        `json:"id"`        // unique among all writers that share a database or a log directory; [A-Za-z0-9_-]+
	Conninfo  string        `json:"conninfo"`  // libpq string or URL, through PgBouncer or direct; never logged
	Database  string        `json:"database"`  // replaces what Conninfo says; Install has been there
	Directory string        `json:"directory"` // where the log ID.log is; it is made when missing
	Work      Work          `json:"work"`      // default Heartbeat
	Think     time.Duration `json:"think"`     // between two operations; default 2 ms (Large: 200 ms), none when negative
	Rows      int           `json:"rows"`      // rows of a Large operation; default 1000
	Timeout   time.Duration `json:"timeout"`   // after which an operation is given up, connecting included; default 30 s
	Retry     time.Duration `json:"retry"`     // wait after an error, before the next operation reconnects; default 10 ms
}

var validID = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// check completes the writer with the defaults.
func (w Writer) check() (Writer, error) {
	if !validID.MatchString(w.ID) {
		return w, fmt.Errorf("%q cannot name a writer: letters, digits, _ and - can", w.ID)
	}
	if w.Database == "" || w.Directory == "" {
		return w, errors.New("a writer needs a database and a log directory")
	}
	if w.Work == "" {
		w.Work = Heartbeat
	}
	if w.Think == 0 {
		w.Think = 2 * time.Millisecond
		if w.Work == Large {
			w.Think = 200 * time.Millisecond
		}
	}
	if w.Rows <= 0 {
		w.Rows = 1000
	}
	if w.Timeout <= 0 {
		w.Timeout = 30 * time.Second
	}
	if w.Retry <= 0 {
		w.Retry = 10 * time.Millisecond
	}
	for _, known := range Works() {
		if w.Work == known {
			return w, nil
		}
	}
	return w, fmt.Errorf("writer %s: there is no work %q", w.ID, w.Work)
}
