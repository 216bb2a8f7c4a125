package clone

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/pgteal/pgteal/internal/postgres"
)

var historyFile = regexp.MustCompile(`^([0-9A-F]{8})\.history$`)

// endOfTimeline returns where the timeline ended in the WAL directory wal, from the history files of the timelines that began there
// (https://www.postgresql.org/docs/current/continuous-archiving.html, "Timelines"). The clone brought none of a timeline later than blue's
// along, so those are its own. There are several when recovery was cut off at its very end and done again; they agree.
func endOfTimeline(wal string, timeline uint32) (postgres.LSN, error) {
	entries, err := os.ReadDir(wal)
	if err != nil {
		return 0, err
	}
	var end postgres.LSN
	for _, entry := range entries {
		m := historyFile.FindStringSubmatch(entry.Name())
		if m == nil {
			continue
		}
		if n, err := strconv.ParseUint(m[1], 16, 32); err != nil || n <= uint64(timeline) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(wal, entry.Name()))
		if err != nil {
			return 0, err
		}
		lsn, err := switchPoint(string(content), timeline)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", entry.Name(), err)
		}
		if end != 0 && lsn != end {
			return 0, fmt.Errorf("the history files in %s disagree: timeline %d ended at %s or at %s", wal, timeline, end, lsn)
		}
		end = lsn
	}
	if end == 0 {
		return 0, fmt.Errorf("%s holds no history of a timeline after %d", wal, timeline)
	}
	return end, nil
}

// switchPoint returns the LSN in the last line of a history file, which has to be about the end of timeline.
func switchPoint(history string, timeline uint32) (postgres.LSN, error) {
	lines := strings.Split(strings.TrimSpace(history), "\n")
	fields := strings.Fields(lines[len(lines)-1])
	if len(fields) < 2 || fields[0] != strconv.FormatUint(uint64(timeline), 10) {
		return 0, fmt.Errorf("its last line %q is not about timeline %d", lines[len(lines)-1], timeline)
	}
	return postgres.ParseLSN(fields[1])
}
