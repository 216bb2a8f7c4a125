package green

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
)

// claim records what we made, before anybody could take it for somebody else's. Only what stands in it is ever removed.
// A mark inside green's data directory would not do: initdb insists on an empty one.
type claim struct {
	DataDirectory string   `json:"data_directory,omitempty"`
	Inode         uint64   `json:"inode,omitempty"`    // of the data directory: one that was put in its place is not ours
	Made          []string `json:"made,omitempty"`     // the directories that we made on the way to it, the outermost first
	NoLogin       bool     `json:"no_login,omitempty"` // blue's bootstrap superuser may not log in: the clone's may, and green's will not
	Upgraded      bool     `json:"upgraded,omitempty"` // pg_upgrade has succeeded; the clone must not be used any more
	Service       string   `json:"service,omitempty"`  // debian, systemd or pg_ctl: what green was handed to
	Registration  string   `json:"registration,omitempty"`
	Registered    bool     `json:"registered,omitempty"` // the registration is complete
}

func (g Cluster) claimFile() string { return filepath.Join(g.Work, "green.json") }

// readClaim returns an empty claim where there is none.
func (g Cluster) readClaim() (claim, error) {
	var c claim
	content, err := os.ReadFile(g.claimFile())
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &c)
	}
	if err != nil {
		return c, fmt.Errorf("read what was made for green from %s: %w", g.claimFile(), err)
	}
	return c, nil
}

func (g Cluster) writeClaim(c claim) error {
	content, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := g.makeWork(); err != nil {
		return err
	}
	return writeAs(pgctl.Self(), g.claimFile(), append(content, '\n'), 0o644)
}

// owns tells whether the data directory that stands there now is the one that we made.
func (c claim) owns(dataDirectory string) bool {
	inode, err := inodeOf(dataDirectory)
	return err == nil && c.DataDirectory == dataDirectory && c.Inode == inode
}

// claimDataDirectory leaves an empty data directory that is ours. One from an earlier attempt is emptied; one that holds
// something that we did not make is refused.
func (g Cluster) claimDataDirectory(c claim) (claim, error) {
	dir := g.New.DataDirectory
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		made, err := g.New.Account.Mkdir(dir)
		if err != nil {
			return c, fmt.Errorf("make green's data directory: %w", err)
		}
		c.Made = made
	case err != nil:
		return c, fmt.Errorf("read green's data directory: %w", err)
	case len(entries) > 0 && !c.owns(dir):
		return c, fault.New(fault.Usage, fmt.Errorf("green's data directory %s is not empty, and pgteal did not make it", dir),
			"Name another green.data_directory, or remove this one. Debian makes a cluster when a server package is installed: "+
				"if nobody uses it, pg_dropcluster removes it.")
	case len(entries) > 0:
		if err := empty(dir); err != nil {
			return c, fmt.Errorf("remove what an earlier attempt left: %w", err)
		}
	}
	if err := g.New.Account.Own(dir); err != nil {
		return c, err
	}
	c.DataDirectory = dir
	if c.Inode, err = inodeOf(dir); err != nil {
		return c, err
	}
	return c, g.writeClaim(c)
}

// empty removes what is in a directory, and follows no symbolic link.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

func inodeOf(path string) (uint64, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("the identity of %s cannot be told on this system", path)
	}
	return stat.Ino, nil
}
