package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// logReader reads a log, event by event.
type logReader struct {
	name   string
	file   *os.File
	lines  *bufio.Reader
	number int
	writer Writer // as the last begin has it
	over   bool   // what is appended from now on is not read: the part of a line that came before is gone
}

func openReader(name string) (*logReader, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return &logReader{name: name, file: file, lines: bufio.NewReaderSize(file, 64<<10)}, nil
}

func (r *logReader) close() { _ = r.file.Close() } // it was only read

// next returns the next event, io.EOF at the end. A last line without its end was cut off by the death of its writer and is
// none. Any other line that makes no sense is an error: nothing can be judged from a damaged log.
func (r *logReader) next() (event, error) {
	if r.over {
		return event{}, io.EOF
	}
	line, err := r.lines.ReadString('\n')
	if err != nil {
		r.over = true
		return event{}, err
	}
	r.number++
	e, err := parseEvent(strings.TrimSuffix(line, "\n"))
	if err != nil {
		return event{}, fmt.Errorf("%s, line %d: %w", r.name, r.number, err)
	}
	if e.kind == begin {
		r.writer = e.writer
	}
	return e, nil
}

// operation is what a log knows of an operation: its outcome, or its intent where there is no outcome.
type operation = event

// nextOperation returns the next operation, io.EOF at the end. ahead holds the intent that is still without its outcome.
func (r *logReader) nextOperation(ahead *event) (operation, error) {
	for {
		e, err := r.next()
		if errors.Is(err, io.EOF) && ahead.kind == intent {
			last := *ahead
			*ahead = event{}
			return last, nil
		}
		if err != nil {
			return event{}, err
		}
		switch e.kind {
		case begin:
		case intent:
			previous := *ahead
			*ahead = e
			if e.op <= previous.op {
				return event{}, fmt.Errorf("%s, line %d: operation %d comes after %d", r.name, r.number, e.op, previous.op)
			}
			if previous.kind == intent {
				return previous, nil // the writer died, and went on later
			}
		default:
			if ahead.kind != intent || ahead.op != e.op {
				return event{}, fmt.Errorf("%s, line %d: operation %d was not intended", r.name, r.number, e.op)
			}
			*ahead = event{op: e.op}
			return e, nil
		}
	}
}

// eachEvent reads a whole log.
func eachEvent(name string, do func(event) error) error {
	r, err := openReader(name)
	if err != nil {
		return err
	}
	defer r.close()
	for {
		e, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := do(e); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

// logs lists the logs in directory, by name. None is an error: it would be judged clean.
func logs(directory string) (names []string, err error) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), logSuffix) {
			names = append(names, filepath.Join(directory, entry.Name()))
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("there are no logs of writers in %s", directory)
	}
	return names, nil
}
