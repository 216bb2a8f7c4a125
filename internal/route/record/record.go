// Package record keeps what a route was before it was changed, for a later process.
package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/renameio/v2"
)

// Write writes v to file, at once and for good. Of is what it is about, for errors.
func Write(file, of string, v any) error {
	content, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		err = renameio.WriteFile(file, append(content, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write down how %s was before: %w", of, err)
	}
	return nil
}

// Read reads what Write wrote into v, and tells whether there is anything.
func Read(file, of string, v any) (there bool, err error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(content, v)
	}
	if err != nil {
		return false, fmt.Errorf("read how %s was before, from %s: %w", of, file, err)
	}
	return true, nil
}

// Remove removes what Write wrote, if it did.
func Remove(of string, files ...string) error {
	for _, file := range files {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove how %s was before: %w", of, err)
		}
	}
	return nil
}
