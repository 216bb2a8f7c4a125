// Package stray removes the temporary files that a process leaves beside a file when it is killed while it replaces it.
package stray

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Remove removes them for path, before it is replaced again. They are called as github.com/google/renameio calls them: a dot, the name of
// the file, digits.
func Remove(path string) error {
	directory, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(directory))
	if err != nil {
		return fmt.Errorf("look for strays of %s: %w", path, err)
	}
	for _, entry := range entries {
		digits, ok := strings.CutPrefix(entry.Name(), "."+base)
		if !ok || digits == "" || strings.Trim(digits, "0123456789") != "" || !entry.Type().IsRegular() {
			continue
		}
		if err := os.Remove(filepath.Join(directory, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a stray of %s: %w", path, err)
		}
	}
	return nil
}
