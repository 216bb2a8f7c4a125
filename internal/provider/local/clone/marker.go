package clone

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/pgteal/pgteal/internal/postgres"
)

// markerFile stands in the clone's data directory from before its first file until after its last one.
const markerFile = "pgteal.clone"

// marker says whose clone a directory holds, what was made for it, and how far it has come.
type marker struct {
	Upgrade          string            `json:"upgrade"`
	Method           string            `json:"method"`
	Made             []string          `json:"made,omitempty"` // what was missing of its directory's path, outermost first
	Tablespaces      []placed          `json:"tablespaces,omitempty"`
	VersionDirectory string            `json:"version_directory"` // of blue's major in each tablespace
	Superuser        string            `json:"superuser"`
	Settings         map[string]string `json:"settings"`           // of blue, that the clone runs with
	Complete         bool              `json:"complete"`           // all files are there and durable
	Timeline         uint32            `json:"timeline,omitempty"` // blue's: histories of later ones are the clone's own
	LSN              postgres.LSN      `json:"clone_lsn"`          // 0/0 until it is known
	Sockets          string            `json:"sockets,omitempty"`  // the directory of its socket, where that is elsewhere
}

// placed is a tablespace of blue and where the clone keeps its own.
type placed struct {
	tablespace
	Place string   `json:"place"`
	Made  []string `json:"made,omitempty"` // what was missing of Place's path, outermost first
}

// errNoMarker says that a directory holds no clone of ours.
var errNoMarker = errors.New("it holds no clone made by pgteal")

func readMarker(dataDirectory string) (m marker, err error) {
	content, err := os.ReadFile(filepath.Join(dataDirectory, markerFile))
	if errors.Is(err, os.ErrNotExist) {
		return m, fmt.Errorf("%s: %w", dataDirectory, errNoMarker)
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(content, &m); err != nil {
		return m, fmt.Errorf("read %s: %w", filepath.Join(dataDirectory, markerFile), err)
	}
	return m, nil
}

// write replaces the marker in one instant. It may hold settings that are secrets of extensions, so only the owner reads it.
func (m marker) write(target Target) error {
	content, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(target.DataDirectory, markerFile, append(content, '\n'), target)
}

// writeFile replaces or makes a file of the clone in one instant.
func writeFile(directory, name string, content []byte, target Target) error {
	path := filepath.Join(directory, name)
	pending, err := renameio.NewPendingFile(path, renameio.WithTempDir(directory), renameio.WithPermissions(0o600))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer pending.Cleanup() //nolint:errcheck // it does nothing once the file is in place
	if _, err := pending.Write(content); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := target.Account.Own(pending.Name()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := pending.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return syncDirectory(directory)
}

func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
