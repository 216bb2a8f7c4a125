package audit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// kind is the first word of a line of a log.
type kind string

const (
	begin   kind = "begin"   // a writer opened the log: begin AT ID WORK DATABASE
	intent  kind = "intent"  // an operation is about to be sent: intent OP AT
	ack     kind = "ack"     // the server said that it committed: ack OP AT LATENCY SERVER [SEQUENCE=VALUE...]
	failure kind = "error"   // it certainly did not commit: error OP AT LATENCY CLASS MESSAGE
	unknown kind = "unknown" // it may have committed, or may still: unknown OP AT LATENCY CLASS MESSAGE
)

// event is one line of a log. Times and latencies are in microseconds, AT since 1970; DATABASE and MESSAGE are quoted as in Go.
type event struct {
	kind    kind
	op      int64
	at      time.Time
	latency time.Duration // from before connecting, where that was needed, to the answer
	server  int           // server_version_num of the server that answered
	values  []value       // what sequences gave
	class   string        // SQLSTATE, or connect, connection, timeout, missing
	message string
	writer  Writer // of begin: its ID, Work and Database
}

// value is what a sequence gave.
type value struct {
	sequence string
	value    int64
}

func (e event) appendTo(line []byte) []byte {
	line = append(append(line, e.kind...), ' ')
	if e.kind == begin {
		return fmt.Appendf(line, "%d %s %s %q\n", e.at.UnixMicro(), e.writer.ID, e.writer.Work, e.writer.Database)
	}
	line = strconv.AppendInt(line, e.op, 10)
	line = strconv.AppendInt(append(line, ' '), e.at.UnixMicro(), 10)
	if e.kind == intent {
		return append(line, '\n')
	}
	line = strconv.AppendInt(append(line, ' '), e.latency.Microseconds(), 10)
	if e.kind == ack {
		line = strconv.AppendInt(append(line, ' '), int64(e.server), 10)
		for _, v := range e.values {
			line = fmt.Appendf(line, " %s=%d", v.sequence, v.value)
		}
		return append(line, '\n')
	}
	return fmt.Appendf(line, " %s %q\n", e.class, e.message)
}

// parseEvent reads a line without its end.
func parseEvent(line string) (e event, err error) {
	word, rest, _ := strings.Cut(line, " ")
	e.kind = kind(word)
	f := fields{rest: rest}
	switch e.kind {
	case begin:
		e.at, e.writer.ID, e.writer.Work, e.writer.Database = f.time(), f.word(), Work(f.word()), f.quoted()
	case intent:
		e.op, e.at = f.int(), f.time()
	case ack:
		e.op, e.at, e.latency, e.server = f.int(), f.time(), f.duration(), int(f.int())
		for f.rest != "" && f.err == nil {
			e.values = append(e.values, f.value())
		}
	case failure, unknown:
		e.op, e.at, e.latency, e.class, e.message = f.int(), f.time(), f.duration(), f.word(), f.quoted()
	default:
		return e, fmt.Errorf("there is no %q", word)
	}
	if f.err == nil && f.rest != "" {
		f.err = fmt.Errorf("%q is too much", f.rest)
	}
	return e, f.err
}

// fields takes a line apart and keeps the first error.
type fields struct {
	rest string
	err  error
}

func (f *fields) keep(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *fields) word() (word string) {
	word, f.rest, _ = strings.Cut(f.rest, " ")
	if word == "" {
		f.keep(errors.New("a field is missing"))
	}
	return word
}

func (f *fields) int() int64 {
	n, err := strconv.ParseInt(f.word(), 10, 64)
	f.keep(err)
	return n
}

func (f *fields) time() time.Time { return time.UnixMicro(f.int()) }

func (f *fields) duration() time.Duration { return time.Duration(f.int()) * time.Microsecond }

func (f *fields) quoted() string {
	text, err := strconv.Unquote(f.rest)
	f.keep(err)
	f.rest = ""
	return text
}

func (f *fields) value() value {
	name, text, _ := strings.Cut(f.word(), "=")
	n, err := strconv.ParseInt(text, 10, 64)
	f.keep(err)
	return value{sequence: name, value: n}
}
