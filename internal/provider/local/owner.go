package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/pgteal/pgteal/internal/fault"
)

// The work directory holds the id of the upgrade that made it. Its place alone does not tell: a pgteal.yaml that was copied for another cluster, or
// another state directory, names the same place, and what lies there may be a green that serves.

// Own says which upgrade the work directory has to be of.
func (l *Local) Own(upgrade string) { l.upgrade = upgrade }

func (l *Local) ownerFile() string { return filepath.Join(l.work(), "upgrade") }

// owner returns whose upgrade the work directory is of, "" where there is none. One without an owner is ours: pgteal did not always write it down.
func (l *Local) owner() (string, error) {
	content, err := os.ReadFile(l.ownerFile())
	switch {
	case err == nil:
		return strings.TrimSpace(string(content)), nil
	case !errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("ask whose upgrade green is of: %w", err)
	}
	if _, err := os.Stat(l.work()); err != nil {
		return "", nil //nolint:nilerr // there is none
	}
	return l.upgrade, nil
}

// ours tells whether the work directory of this upgrade is there: green and its port are then its own.
func (l *Local) ours() bool {
	owner, err := l.owner()
	return err == nil && owner != "" && owner == l.upgrade
}

// errForeign is in the chain of what foreign returns where another upgrade has green.
var errForeign = errors.New("it belongs to another upgrade")

// foreign is an error unless the work directory is this upgrade's, or there is none.
func (l *Local) foreign() error {
	owner, err := l.owner()
	if err != nil || owner == "" || owner == l.upgrade {
		return err
	}
	return fault.New(fault.Forbidden, fmt.Errorf("green in %s: %w (%s)", l.config.Green.DataDirectory, errForeign, owner),
		"Name another green.data_directory. Or end that upgrade first, from its own state directory; where that is lost and green serves nobody, "+
			"stop green's server, and remove "+l.config.Green.DataDirectory+" and "+l.work()+".")
}

// writeOwner makes the work directory this upgrade's.
func (l *Local) writeOwner() error {
	return renameio.WriteFile(l.ownerFile(), []byte(l.upgrade+"\n"), 0o644)
}
