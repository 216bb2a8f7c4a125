package green

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// tablespaces returns the directories to which a cluster's tablespaces lead. One that lies in Keep is an error: the symbolic links
// of the clone would lead to blue's own files.
func (g Cluster) tablespaces(c pgctl.Cluster) ([]string, error) {
	if c.DataDirectory == "" {
		return nil, nil // the clone is gone by now
	}
	links, err := os.ReadDir(filepath.Join(c.DataDirectory, "pg_tblspc"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var locations []string
	for _, link := range links {
		location, err := filepath.EvalSymlinks(filepath.Join(c.DataDirectory, "pg_tblspc", link.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, keep := range g.Keep {
			if kept, err := filepath.EvalSymlinks(keep); err == nil && within(location, kept) {
				return nil, fmt.Errorf("tablespace %s of the clone leads to %s, which belongs to blue", link.Name(), location)
			}
		}
		locations = append(locations, location)
	}
	return locations, nil
}

func within(path, dir string) bool {
	relative, err := filepath.Rel(dir, path)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, "../")
}

// removeVersion removes what a major version keeps in a tablespace's location: PG_<major>_<catalog version>.
func removeVersion(location string, major int) error {
	entries, err := os.ReadDir(location)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() && strings.HasPrefix(entry.Name(), fmt.Sprintf("PG_%d_", major)) {
			if err := os.RemoveAll(filepath.Join(location, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
