// Package term renders progress for people, as lines on a terminal or in a log.
package term

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pgteal/pgteal/internal/progress"
)

// countEvery is how often a count of the same step is shown.
const countEvery = time.Second

// Lines renders events as lines of text.
type Lines struct {
	mu      sync.Mutex
	out     io.Writer
	begun   map[string]time.Time
	counted time.Time
}

// NewLines returns a renderer that writes to out.
func NewLines(out io.Writer) *Lines { return &Lines{out: out, begun: map[string]time.Time{}} }

// Show renders one event. It is a progress.Reporter.
func (l *Lines) Show(e progress.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.State {
	case progress.Begun:
		l.begun[e.Step] = e.At
		l.counted = e.At // short steps show no counts
		fmt.Fprintf(l.out, "%-13s %s\n", e.Step, e.Message)
	case progress.Done:
		if took := e.At.Sub(l.begun[e.Step]); took >= 500*time.Millisecond {
			l.detail(fmt.Sprintf("done in %.1f s", took.Seconds()))
		}
	case progress.Undone:
		fmt.Fprintf(l.out, "%-13s undone\n", e.Step)
	case progress.Running:
		l.running(e)
	case progress.Skipped, progress.Failed: // failures are shown as errors
	}
}

func (l *Lines) running(e progress.Event) {
	if e.Message != "" {
		l.detail(e.Message)
		return
	}
	if e.At.Sub(l.counted) < countEvery {
		return
	}
	l.counted = e.At
	if e.Doing != "" {
		l.detail(e.Doing)
		return
	}
	text := Amount(e.Done, e.Unit)
	if e.Total > 0 {
		text = fmt.Sprintf("%3.0f %%  of %s", 100*float64(e.Done)/float64(e.Total), Amount(e.Total, e.Unit))
	}
	if e.Left > 0 {
		text += fmt.Sprintf(", %s left", e.Left)
	}
	l.detail(text)
}

func (l *Lines) detail(text string) { fmt.Fprintf(l.out, "%-13s   %s\n", "", text) }

// Amount writes n units for people: bytes in powers of 1024.
func Amount(n int64, unit string) string {
	const bytes = "bytes"
	if len(unit) < len(bytes) || unit[:len(bytes)] != bytes {
		return fmt.Sprintf("%d %s", n, unit)
	}
	rest := unit[len(bytes):]
	size, names := float64(n), []string{"B", "kB", "MB", "GB", "TB"}
	for size >= 1024 && len(names) > 1 {
		size, names = size/1024, names[1:]
	}
	return fmt.Sprintf("%.4g %s%s", size, names[0], rest)
}
