package torture

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/pgteal/pgteal/internal/switchover"
	"github.com/pgteal/pgteal/internal/upgrade"
)

func (r *round) stateDirectory() string { return filepath.Join(r.site.StateDirectory(), "site") }

// state is what the journal knows last.
func (r *round) state() upgrade.State {
	r.t.Helper()
	entries, err := upgrade.NewFileJournal(r.stateDirectory()).Entries(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if len(entries) == 0 {
		return upgrade.State{}
	}
	return entries[len(entries)-1].State
}

// attempts are all of them.
func (r *round) attempts() []switchover.Attempt { return r.state().Attempts }

// watch reads the journal's new entries.
type watch struct {
	file   string
	offset int64
}

// watch reads from here on.
func (r *round) watch() *watch {
	w := &watch{file: filepath.Join(r.stateDirectory(), "journal.jsonl")}
	if info, err := os.Stat(w.file); err == nil {
		w.offset = info.Size()
	}
	return w
}

// sees tells whether a new entry has the event.
func (w *watch) sees(event string) bool {
	file, err := os.Open(w.file)
	if err != nil {
		return false
	}
	defer file.Close() //nolint:errcheck // it was only read
	info, err := file.Stat()
	if err != nil || info.Size() <= w.offset {
		return false
	}
	content := make([]byte, info.Size()-w.offset)
	if _, err := file.ReadAt(content, w.offset); err != nil {
		return false
	}
	for {
		end := bytes.IndexByte(content, '\n')
		if end < 0 {
			return false
		}
		line := content[:end]
		content = content[end+1:]
		w.offset += int64(end) + 1
		var entry struct{ Event string }
		if json.Unmarshal(line, &entry) == nil && entry.Event == event {
			return true
		}
	}
}

// awaitMoment waits for the moment of a strike and its delay. It returns false where the command ended before.
func (r *round) awaitMoment(s strike, w *watch) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s.at != begun && !w.sees(string(s.at)) {
		select {
		case <-r.running.ended:
			if !w.sees(string(s.at)) {
				return false
			}
			return r.wait(s.delay)
		case <-tick.C:
		}
	}
	return r.wait(s.delay)
}

// wait waits for the random time of a strike: what is awaited is chance. It returns false where the command ended before.
func (r *round) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.running.ended:
		return false
	}
}
