package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// syncEvery is how often a log is forced to disk.
const syncEvery = time.Second

// logSuffix ends the names of logs.
const logSuffix = ".log"

// logFile is the log of a writer, one line an event, only ever appended to.
//
// A line has been handed to the operating system, by one write of the whole line, before the writer goes on: intent n before
// anything of operation n is sent, its outcome before the outcome counts and before intent n+1. So the death of the writer's
// process, SIGKILL included, loses at most the outcome of the operation that was under way, and that one then counts as
// unknown. Lines are forced to disk every second and at the end: the death of the machine may take the last second of the log,
// whose operations Judge then reports as phantoms. It does not take acknowledged ones unnoticed.
type logFile struct {
	file   *os.File
	line   []byte
	next   int64 // the first operation that the log does not know
	closed chan struct{}
	synced sync.WaitGroup
	failed error // of the syncing goroutine; read after it ended
}

// openLog opens the log of w, or goes on with the one that is there: a line that was cut off in its middle never was, and the
// counter goes on behind the last intent.
func openLog(w Writer) (*logFile, error) {
	if err := os.MkdirAll(w.Directory, 0o700); err != nil {
		return nil, err
	}
	name := filepath.Join(w.Directory, w.ID+logSuffix)
	l := &logFile{next: 1, closed: make(chan struct{})}
	err := eachEvent(name, func(e event) error {
		if e.kind == begin && e.writer.Database != w.Database {
			return fmt.Errorf("it is the log of a writer in database %q, not %q", e.writer.Database, w.Database)
		}
		if e.kind == intent {
			l.next = e.op + 1
		}
		return nil
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if l.file, err = os.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	err = dropTornLine(l.file)
	if err == nil {
		err = l.write(event{kind: begin, at: time.Now(), writer: w})
	}
	if err != nil {
		return nil, errors.Join(err, l.file.Close())
	}
	l.synced.Go(l.keepSyncing)
	return l, nil
}

// write appends an event.
func (l *logFile) write(e event) error {
	l.line = e.appendTo(l.line[:0])
	if _, err := l.file.Write(l.line); err != nil {
		return fmt.Errorf("write the log of a writer: %w", err)
	}
	return nil
}

func (l *logFile) keepSyncing() {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for l.failed == nil {
		select {
		case <-tick.C:
			l.failed = l.file.Sync()
		case <-l.closed:
			return
		}
	}
}

// close forces the log to disk.
func (l *logFile) close() error {
	close(l.closed)
	l.synced.Wait()
	return errors.Join(l.failed, l.file.Sync(), l.file.Close())
}

// dropTornLine cuts off what stands behind the last complete line.
func dropTornLine(file *os.File) error {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	// A line is far shorter than this, so the end of the last complete one is in it.
	tail := make([]byte, min(size, 64<<10))
	if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil {
		return err
	}
	complete := bytes.LastIndexByte(tail, '\n') + 1
	return file.Truncate(size - int64(len(tail)) + int64(complete))
}
