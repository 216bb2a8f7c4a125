package green

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/progress"
)

// output takes what pg_upgrade prints, and reports what it is at. It prints a line's text, padded with spaces, when it begins
// something, and "ok" behind it when that is done.
type output struct {
	step  *progress.Step
	begun time.Time
	all   strings.Builder
	line  string // what is there of the current line
	said  bool   // the current line has been reported
}

func (o *output) Write(p []byte) (int, error) {
	o.all.Write(p)
	for _, b := range string(p) {
		if b == '\n' || b == '\r' {
			o.say()
			o.line, o.said = "", false
			continue
		}
		o.line += string(b)
		if strings.HasSuffix(o.line, "   ") {
			o.say()
		}
	}
	return len(p), nil
}

func (o *output) say() {
	text, _, _ := strings.Cut(strings.TrimSpace(o.line), "   ")
	if o.said || text == "" || strings.Trim(text, "-") == "" {
		return
	}
	o.said = true
	o.step.Now(fmt.Sprintf("pg_upgrade, %s: %s", time.Since(o.begun).Round(time.Second), text))
}

func (o *output) String() string { return o.all.String() }

// words returns what pg_upgrade said besides what went well.
func words(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, " \r\n")
		if strings.HasSuffix(line, " ok") || strings.Trim(line, "-") == "" || strings.HasPrefix(line, "Performing ") {
			continue
		}
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

// What of the report files goes into an error: enough to act on, little enough to read.
const (
	reportLines = 30
	reportBytes = 4000
)

// failure returns pg_upgrade's own words with the report files that it names.
func (g Cluster) failure(cause error, out string) error {
	said := words(out)
	text := said
	for _, file := range g.reports() {
		if !strings.Contains(out, filepath.Base(file)) {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			continue // pg_upgrade's words still name it
		}
		text += "\n" + filepath.Base(file) + ":\n" + excerpt(string(content), strings.HasSuffix(file, ".log"))
	}
	return fault.WithHint(fmt.Errorf("pg_upgrade from %d to %d: %w: %s", g.Old.Major, g.New.Major, cause, text), hint(said, anew))
}

// reports lists the files that pg_upgrade writes: below the new data directory since 15, in its working directory before.
func (g Cluster) reports() []string {
	var files []string
	for _, pattern := range []string{
		globEscape(g.New.DataDirectory) + "/pg_upgrade_output.d/*/*.txt",
		globEscape(g.New.DataDirectory) + "/pg_upgrade_output.d/*/log/*.log",
		globEscape(g.run()) + "/*.txt", globEscape(g.run()) + "/*.log",
	} {
		found, _ := filepath.Glob(pattern) // the patterns are well formed
		files = append(files, found...)
	}
	slices.Sort(files)
	return files
}

// excerpt returns the beginning of a report, or the end of a log.
func excerpt(content string, end bool) string {
	lines := strings.Split(strings.TrimRight(content, "\n"), "\n")
	left := len(lines) - reportLines
	if left > 0 {
		if end {
			lines = lines[left:]
		} else {
			lines = append(lines[:reportLines], fmt.Sprintf("... and %d lines more", left))
		}
	}
	text := strings.Join(lines, "\n")
	switch {
	case len(text) <= reportBytes:
		return text
	case end:
		return strings.ToValidUTF8(text[len(text)-reportBytes:], "")
	default:
		return strings.ToValidUTF8(text[:reportBytes], "") + " ..."
	}
}

// anew is what a refusal of the clone takes beside a mended blue.
const anew = " Then make the clone again: pgteal abort, pgteal prepare."

// hint says what to do about a refusal, with again behind it where there is a clone. That holds what blue held when it was made, so blue has
// to be mended.
func hint(said, again string) string {
	libraries := "Install these extensions' packages for the new major version and run this again; or drop them on blue." + again
	for _, known := range []struct{ words, hint string }{
		{"loadable", libraries},
		{"presence of required libraries", libraries},
		{"reg*", "Change these columns to text or oid on blue, or drop them." + again},
		{"datallowconn", "ALTER DATABASE ... ALLOW_CONNECTIONS true on blue, or drop the database." + again},
		{"allow connections", "ALTER DATABASE ... ALLOW_CONNECTIONS true on blue, or drop the database." + again},
		{"No space left", "Make room, then run this again."},
	} {
		if strings.Contains(said, known.words) {
			return known.hint
		}
	}
	if again == "" {
		return "Mend it on blue, then run this again."
	}
	return "Where the data is the reason, mend it on blue." + again + " Otherwise run this again: the clone is whole."
}
