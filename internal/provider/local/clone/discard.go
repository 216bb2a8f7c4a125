package clone

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
)

// Discard removes the clone in target, finished or not: its data directory, its directories in tablespaces, and the parents that were
// made for them, unless others use those by now. A directory that was there before stays, empty. Where there is no clone it does
// nothing. It refuses to touch what is not this upgrade's clone, and a clone whose server runs.
//
// A tablespace's location may hold green's files too, next to the clone's: those stay.
func Discard(ctx context.Context, target Target) error {
	entries, err := os.ReadDir(target.DataDirectory)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("discard the clone: %w", err)
	}
	m, err := readMarker(target.DataDirectory)
	switch {
	case errors.Is(err, errNoMarker) && !slices.ContainsFunc(entries, notOurs):
		m = marker{} // it was cut off before it began
	case err != nil:
		return fault.WithHint(fmt.Errorf("discard the clone: %w", err),
			"Nothing was removed. Look at the directory, and remove it yourself if you do not need it.")
	case m.Upgrade != target.Upgrade:
		return fmt.Errorf("discard the clone: %s holds the clone of the upgrade %q, not of %q",
			target.DataDirectory, m.Upgrade, target.Upgrade)
	}
	if p, err := (pgctl.Cluster{DataDirectory: target.DataDirectory}).Postmaster(); err == nil {
		return fmt.Errorf("discard the clone: its server, process %d, runs on %s", p.PID, target.DataDirectory)
	}
	for _, t := range m.Tablespaces {
		if err := os.RemoveAll(filepath.Join(t.Place, m.VersionDirectory)); err != nil {
			return fmt.Errorf("discard the clone's tablespace %q: %w", t.Name, err)
		}
		prune(t.Made)
	}
	if m.Sockets != "" {
		if err := os.RemoveAll(m.Sockets); err != nil {
			return fmt.Errorf("discard the clone: %w", err)
		}
	}
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if entry.Name() == markerFile || entry.Name() == "lost+found" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(target.DataDirectory, entry.Name())); err != nil {
			return fmt.Errorf("discard the clone: %w", err)
		}
	}
	// The marker goes last: until then, whoever is cut off here can begin again.
	if err := os.Remove(filepath.Join(target.DataDirectory, markerFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("discard the clone: %w", err)
	}
	prune(m.Made)
	return nil
}

// notOurs tells what cannot be the beginning of a marker from what can.
func notOurs(entry os.DirEntry) bool {
	return entry.Name() != "lost+found" && !strings.HasPrefix(entry.Name(), "."+markerFile)
}

// prune removes directories that we made as far as they are empty, the innermost first. What is not empty is used by others.
func prune(made []string) {
	for _, dir := range slices.Backward(made) {
		if os.Remove(dir) != nil {
			return
		}
	}
}
