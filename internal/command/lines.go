package command

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
)

// Limits of what becomes of a program's output: it is for people to read.
const (
	longestLine = 500 // bytes; the rest of a line is left out
	mostLines   = 200 // handed on; the rest is counted
	lastLines   = 5   // kept for Last
)

// Lines hands on what is written to it, line by line and within bounds: no blank lines, no control characters, no floods.
// Its methods must not be called concurrently.
type Lines struct {
	Say func(line string)

	rest []byte   // of a line that has not ended
	cut  bool     // something of it was left out
	last []string // the last lines
	all  int      // lines so far
}

// Write takes more output.
func (l *Lines) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, after, ended := bytes.Cut(p, []byte("\n"))
		room := min(len(line), longestLine-len(l.rest))
		l.rest = append(l.rest, line[:room]...)
		l.cut = l.cut || room < len(line)
		if !ended {
			return n, nil
		}
		l.endLine()
		p = after
	}
}

// End hands on a last line that has no end, and says how many lines were left out.
func (l *Lines) End() {
	l.endLine()
	if more := l.all - mostLines; more > 0 {
		l.Say(fmt.Sprintf("... and %d more lines", more))
	}
}

// Last returns the last few lines that are not blank.
func (l *Lines) Last() []string { return l.last }

func (l *Lines) endLine() {
	text := printable(bytes.TrimRightFunc(l.rest, unicode.IsSpace))
	if l.cut {
		text += " ..."
	}
	l.rest, l.cut = l.rest[:0], false
	if text == "" {
		return
	}
	l.all++
	if l.all <= mostLines {
		l.Say(text)
	}
	l.last = append(l.last, text)
	if len(l.last) > lastLines {
		l.last = l.last[1:]
	}
}

// printable is output that does nothing to a terminal.
func printable(output []byte) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(string(output), "?"))
}
