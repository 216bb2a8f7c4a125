package local

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// plainLog is where green's server writes when it is started by pg_ctl: next to its data directory, as people do by hand.
func (l *Local) plainLog() string { return l.config.Green.DataDirectory + ".log" }

// Explain returns the last errors in green's server log.
func (l *Local) Explain() string {
	var errors []string
	for line := range strings.Lines(pgctl.Tail(l.log(), 500)) {
		if strings.Contains(line, "ERROR:") || strings.Contains(line, "FATAL:") {
			errors = append(errors, strings.TrimSpace(line))
		}
	}
	return strings.Join(errors[max(0, len(errors)-3):], "\n")
}

// log is the file that green's server writes to now: the logging collector's, Debian's, or our own.
func (l *Local) log() string {
	data := l.config.Green.DataDirectory
	if content, err := os.ReadFile(filepath.Join(data, "current_logfiles")); err == nil {
		if fields := strings.Fields(string(content)); len(fields) >= 2 { // "stderr log/postgresql.log"
			if filepath.IsAbs(fields[1]) {
				return fields[1]
			}
			return filepath.Join(data, fields[1])
		}
	}
	if _, err := os.Stat(l.plainLog()); err == nil {
		return l.plainLog()
	}
	major := filepath.Base(filepath.Dir(data))
	return "/var/log/postgresql/postgresql-" + major + "-" + filepath.Base(data) + ".log"
}
