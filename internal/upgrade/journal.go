package upgrade

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/switchover"
)

// Journal is the durable memory of one upgrade: what has been decided and done, in order. Another process, on this machine or another,
// can go on from it alone.
type Journal interface {
	// Append makes an entry durable before it returns. With an error the entry is not there, and never will be, unless the error is
	// switchover.ErrUndecided: then that is not known.
	Append(ctx context.Context, entry Entry) error
	// Entries returns all entries, the oldest first.
	Entries(ctx context.Context) ([]Entry, error)
}

// Entry is one entry of a journal. It carries the whole state after it, so the last one is all that is needed to go on; those before it
// are the history.
type Entry struct {
	At    time.Time `json:"at"`
	Step  string    `json:"step"`
	Event string    `json:"event"` // begun, done, undone; for the switchover its phases
	State State     `json:"state"`
}

// FileJournal keeps a journal in a file, one JSON document a line.
type FileJournal struct{ path string }

// NewFileJournal returns the journal in directory, which exists. The file comes with the first entry.
func NewFileJournal(directory string) FileJournal {
	return FileJournal{path: filepath.Join(directory, "journal.jsonl")}
}

// Append adds a line and flushes it to the disk. A line that a crash cut short is overwritten: what it announced has not begun.
func (j FileJournal) Append(_ context.Context, entry Entry) error {
	line, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	if err := j.append(append(line, '\n')); err != nil {
		return fmt.Errorf("write the journal %s: %w", j.path, err)
	}
	return nil
}

func (j FileJournal) append(line []byte) (err error) {
	_, statErr := os.Stat(j.path)
	file, err := os.OpenFile(j.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	whole, err := wholeLines(file)
	if err != nil {
		return err
	}
	if err := file.Truncate(whole); err != nil {
		return err
	}
	_, err = file.WriteAt(line, whole)
	if err == nil {
		err = file.Sync()
	}
	if err != nil { // nobody may read what was not kept
		if undone := errors.Join(file.Truncate(whole), file.Sync()); undone != nil {
			return errors.Join(err, undone, switchover.ErrUndecided)
		}
		return err
	}
	if errors.Is(statErr, os.ErrNotExist) {
		return syncDirectory(filepath.Dir(j.path))
	}
	return nil
}

// Entries reads the file. A last line without its end was never durable and does not count.
func (j FileJournal) Entries(context.Context) ([]Entry, error) {
	content, err := os.ReadFile(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for i, line := range bytes.SplitAfter(content, []byte("\n")) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		var entry Entry
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.DisallowUnknownFields() // what a newer pgteal has written down would be lost with our next entry
		if err := decoder.Decode(&entry); err != nil {
			return nil, fault.New(fault.Failed, fmt.Errorf("read line %d of the journal %s: %w", i+1, j.path, err),
				"A field that is not known comes from a newer pgteal: use that one. A line that is damaged: put the journal back as it was. "+
					"Each line holds all that is needed to go on, so lines before the last one may be removed.")
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// wholeLines returns the length of the file up to the end of its last whole line.
func wholeLines(file *os.File) (length int64, err error) {
	reader := bufio.NewReader(file)
	for {
		line, err := reader.ReadSlice('\n')
		switch {
		case err == nil:
			length += int64(len(line))
		case errors.Is(err, bufio.ErrBufferFull): // a long line: its length so far counts only with its end
			rest, err := reader.ReadBytes('\n')
			if errors.Is(err, io.EOF) {
				return length, nil
			}
			if err != nil {
				return 0, err
			}
			length += int64(len(line) + len(rest))
		case errors.Is(err, io.EOF):
			return length, nil
		default:
			return 0, err
		}
	}
}

func syncDirectory(path string) (err error) {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, directory.Close()) }()
	return directory.Sync()
}
