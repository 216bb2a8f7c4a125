// Package green makes the new cluster out of the clone: initdb, pg_upgrade, blue's settings, and the hand-over to what starts
// servers on this host. It touches the clone and green, and never blue's files.
package green

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
)

// Cluster is green on this host, from its initdb to its end. It holds no state: what has to outlive a crash is in Work.
type Cluster struct {
	Old  pgctl.Cluster // the clone: promoted, private, not running; without a data directory once it has been removed
	New  pgctl.Cluster // green; its data directory is made by Upgrade, its ConfigDirectory is filled in by Service
	Work string        // a directory of this upgrade's own; the account of the clusters must be able to reach it
	Port int           // green's port

	// Libraries are blue's shared_preload_libraries, and Settings its settings with a dot in the name, as Preload returns them.
	// Some extensions' libraries refuse to be loaded without them.
	Libraries []string
	Settings  []pgctl.Setting

	// Keep lists directories that are never touched, whatever the clone's symbolic links say: blue's data directory and the
	// locations of its tablespaces.
	Keep []string
}

// run is the private directory in Work where pg_upgrade runs: its working directory, sockets, configuration and reports.
func (g Cluster) run() string { return filepath.Join(g.Work, "pg_upgrade") }

// configDirectory is where green's configuration files are.
func (g Cluster) configDirectory() string {
	if g.New.ConfigDirectory != "" {
		return g.New.ConfigDirectory
	}
	return g.New.DataDirectory
}

// prepare makes the directories that everything else needs.
func (g Cluster) prepare() error {
	for _, dir := range []string{g.Old.DataDirectory, g.New.DataDirectory, g.Work, g.Old.Directory, g.New.Directory} {
		if strings.ContainsAny(dir, "\"'$`\\\n\r") {
			return fault.New(fault.Usage, fmt.Errorf("the path %q holds a character that the shell of pg_upgrade would read", dir),
				"Use a directory whose path is without quotes, $, backticks, backslashes and line breaks.")
		}
	}
	if err := g.makeWork(); err != nil {
		return err
	}
	_, err := g.New.Account.Mkdir(g.run())
	return err
}

// makeWork makes the work directory where it is missing. The servers' account has to pass through it, whatever our umask.
func (g Cluster) makeWork() error {
	if exists(g.Work) {
		return nil
	}
	if err := os.MkdirAll(g.Work, 0o711); err != nil { //nolint:gosec // see above
		return err
	}
	return os.Chmod(g.Work, 0o711) //nolint:gosec // see above
}

// writeAs replaces a file at once, so that nobody ever reads half of it, and gives it to account.
func writeAs(account pgctl.Account, path string, content []byte, mode fs.FileMode) error {
	file, err := renameio.NewPendingFile(path, renameio.WithPermissions(mode), renameio.IgnoreUmask())
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer file.Cleanup() //nolint:errcheck // after the replacement there is nothing left to clean up
	if os.Geteuid() == 0 {
		if err := file.Chown(account.UID, account.GID); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	if _, err := file.Write(content); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := file.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// exists tells whether path is there, symbolic links followed.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
