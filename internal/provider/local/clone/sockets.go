package clone

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// socketDirectory is the private directory of the clone's socket, in its data directory.
const socketDirectory = "pgteal.run"

// longestSocket is how long a socket's path can be on every system we know (unix(7) has 107 bytes, BSD 103).
const longestSocket = 103

// ownSockets makes a directory for the clone's socket that nobody else can enter, and returns it. It is in the data directory
// unless that makes the socket's path too long: then it is a new one among the temporary files, and the marker knows it.
func ownSockets(c pgctl.Cluster, m *marker) (string, error) {
	dir := filepath.Join(c.DataDirectory, socketDirectory)
	if len(dir)+len("/.s.PGSQL.5432") > longestSocket {
		if private(m.Sockets, c.Account) {
			return m.Sockets, nil
		}
		var err error
		if dir, err = os.MkdirTemp("", "pgteal-clone-"); err != nil {
			return "", fmt.Errorf("make a directory for the clone's socket: %w", err)
		}
		m.Sockets = dir
		if err := m.write(Target{DataDirectory: c.DataDirectory, Account: c.Account}); err != nil {
			return "", errors.Join(err, os.Remove(dir))
		}
	} else if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("make a directory for the clone's socket: %w", err)
	}
	return dir, errors.Join(os.Chmod(dir, 0o700), c.Account.Own(dir)) //nolint:gosec // a directory needs the x
}

// private tells whether path is a directory that only account can enter.
func private(path string, account pgctl.Account) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		return false
	}
	owner, err := pgctl.OwnerOf(path)
	return err == nil && owner.UID == account.UID
}

// guc quotes a path for a setting that is a list of paths.
func guc(path string) string { return `"` + strings.ReplaceAll(path, `"`, `""`) + `"` }
