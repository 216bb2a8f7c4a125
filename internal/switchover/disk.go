package switchover

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// diskFloor is how much has to be free for WAL: 64 segments, minutes of a busy server's. When no WAL can be written any more, the server
// stops (https://www.postgresql.org/docs/current/disk-full.html), and a slot whose reader stays away lets it come to that.
const diskFloor = 1 << 30

// disksHaveRoom looks at the disks of both sides' WAL: From's slots keep it until To has taken it, and after the switchover To's slots keep
// it for as long as From is to follow. A server on another host does not tell how much is free, so nothing is said of it.
func (s *Switchover) disksHaveRoom(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	for _, side := range []struct {
		name, why string
		conn      *pgx.Conn
	}{
		{s.From.Server.Name, "its slots keep WAL until " + s.To.Server.Name + " has taken it", ends.from},
		{s.To.Server.Name, "after the switchover its slots keep WAL until " + s.From.Server.Name + " has taken it", ends.to},
	} {
		directory, err := walHere(ctx, side.conn)
		if err != nil {
			return nil, fmt.Errorf("ask %s for its data directory: %w", side.name, err)
		}
		var stat syscall.Statfs_t
		if directory == "" || syscall.Statfs(directory, &stat) != nil {
			continue
		}
		free := int64(stat.Bavail) * int64(stat.Bsize) //nolint:gosec,unconvert // sizes of disks fit, and the types differ by system
		if free < diskFloor {
			findings = append(findings, guard(directory,
				fmt.Sprintf("%d MB are free for the WAL of %s, which stops when there is no room: %s.", free>>20, side.name, side.why),
				fmt.Sprintf("Make room: pgteal wants %d MB free.", diskFloor>>20))...)
		}
	}
	return findings, nil
}

// walHere returns the server's pg_wal, "" where the server runs on another host. The same postmaster.pid on both sides of the connection tells:
// it holds the start time and the key of the shared memory.
func walHere(ctx context.Context, conn *pgx.Conn) (string, error) {
	var directory string
	var theirs []byte
	err := conn.QueryRow(ctx, `SELECT current_setting('data_directory'), pg_read_binary_file('postmaster.pid')`).Scan(&directory, &theirs)
	if postgres.SQLState(err) == "42501" { // insufficient_privilege: a cloud's
		return "", nil
	}
	if err != nil {
		return "", err
	}
	ours, err := os.ReadFile(filepath.Join(directory, "postmaster.pid"))
	if err != nil || !bytes.Equal(ours, theirs) {
		return "", nil //nolint:nilerr // another host's path
	}
	return filepath.Join(directory, "pg_wal"), nil
}
