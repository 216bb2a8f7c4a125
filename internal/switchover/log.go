package switchover

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

const (
	logTail  = 64 << 10 // bytes that are read from the end of a server log
	logLines = 3        // errors that are shown
)

// lastErrors are the last errors in the side's server log: what the caller knows of it, or what the server reads of the file that its
// logging collector writes. "" where neither has any. The log only explains, so one that cannot be read is no error.
//
// Only the plain format is read: the others have the statements, and so perhaps passwords, in the lines of the errors.
func (s Side) lastErrors(ctx context.Context, conn *pgx.Conn) string {
	if s.Log != nil {
		if last := s.Log(); last != "" {
			return last
		}
	}
	var tail []byte
	err := conn.QueryRow(ctx, `SELECT pg_read_binary_file(file, greatest(size - $1, 0), $1)
		FROM pg_current_logfile('stderr') file CROSS JOIN LATERAL (SELECT size FROM pg_stat_file(file)) s WHERE file IS NOT NULL`, int64(logTail)).Scan(&tail)
	if err != nil {
		return ""
	}
	var last []string
	for line := range strings.Lines(string(tail)) {
		if strings.Contains(line, "ERROR:") || strings.Contains(line, "FATAL:") {
			last = append(last, strings.TrimSpace(line))
		}
	}
	return strings.Join(last[max(0, len(last)-logLines):], "\n")
}

// said is the sentence with To's last errors, "" where none are known.
func (s *Switchover) said(ctx context.Context, d *database) string {
	if last := s.To.lastErrors(ctx, d.to); last != "" {
		return " The server log of " + s.To.Server.Name + " ends with these errors:\n" + last
	}
	return ""
}
