package clone

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// Recover brings the clone to the end of the WAL that it holds, leaves it running privately (Start returns its server), and returns
// the clone LSN: the end of the last record that it replayed. It returns the same LSN whenever it is called again, wherever it was cut
// off, and never recovers a clone a second time that has been recovered.
//
// The clone replays all WAL that it has in archive recovery, without a target, and so ends on a new timeline. PostgreSQL writes
// into that timeline's history file where the old one ended: that is the clone LSN. The file stays, while
// pg_last_wal_replay_lsn() is gone with the next restart, and needs a standby that takes connections, which a transaction of
// blue's with more than 64 subtransactions can prevent.
func Recover(ctx context.Context, c pgctl.Cluster, step *progress.Step) (postgres.LSN, error) {
	m, err := readMarker(c.DataDirectory)
	switch {
	case err != nil:
		return 0, fmt.Errorf("recover the clone: %w", err)
	case !m.Complete:
		return 0, fmt.Errorf("recover the clone in %s: it is not complete", c.DataDirectory)
	case m.LSN != 0:
		_, err := Start(ctx, c)
		return m.LSN, err
	}
	// A server that runs was left by a call that was cut off: it may still be recovering.
	if err := Stop(ctx, c); err != nil {
		return 0, fmt.Errorf("recover the clone: %w", err)
	}
	if err := signal(ctx, c, m); err != nil {
		return 0, fmt.Errorf("recover the clone in %s: %w", c.DataDirectory, err)
	}
	step.Now("replaying WAL")
	if _, err := launch(ctx, c, m); err != nil {
		return 0, fmt.Errorf("recover the clone: %w", err)
	}
	if m, err = readMarker(c.DataDirectory); err != nil { // launch may have added to it
		return 0, err
	}
	if m.LSN, err = endOfTimeline(filepath.Join(c.DataDirectory, "pg_wal"), m.Timeline); err != nil {
		return 0, fmt.Errorf("find the clone LSN: %w", err)
	}
	if err := m.write(Target{DataDirectory: c.DataDirectory, Account: c.Account}); err != nil {
		return 0, err
	}
	return m.LSN, nil
}

// signal makes the next start one of archive recovery, unless that is behind the clone. The server removes its signal file shortly
// before it writes the history file, and its control file says until later still that it recovers. So a server that was killed
// in between is sent into recovery again, which ends at the same LSN.
func signal(ctx context.Context, c pgctl.Cluster, m marker) error {
	control, err := c.ControlData(ctx)
	if err != nil {
		return err
	}
	_, label := os.Stat(filepath.Join(c.DataDirectory, "backup_label"))
	state := control["Database cluster state"]
	switch {
	case label == nil, state == "in archive recovery", state == "shut down in recovery":
		name, content := "recovery.signal", ""
		if c.Major < 12 {
			name, content = "recovery.conf", "restore_command = 'false'\n"
		}
		return writeFile(c.DataDirectory, name, []byte(content), Target{DataDirectory: c.DataDirectory, Account: c.Account})
	case !errors.Is(label, fs.ErrNotExist):
		return label
	}
	if _, err := endOfTimeline(filepath.Join(c.DataDirectory, "pg_wal"), m.Timeline); err != nil {
		return fault.WithHint(fmt.Errorf("its server was started by something else than pgteal (it is %s): %w", state, err),
			"Its clone LSN is lost. Discard the clone and make it again.")
	}
	return nil
}
