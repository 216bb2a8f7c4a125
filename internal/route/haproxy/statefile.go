package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/stray"
)

// readState returns the content of the state file, nil where there is none.
func (h *HAProxy) readState() (*string, error) {
	if h.StateFile == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	content, err := os.ReadFile(h.StateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, fmt.Errorf("read the state file: %w", err)
	}
	text := string(content)
	return &text, nil
}

// writeState writes the state that the servers are in to the state file, if there is to be one.
func (h *HAProxy) writeState(ctx context.Context) error {
	if h.StateFile == "" {
		return nil
	}
	state, err := h.state(ctx)
	if err == nil {
		err = h.putState(&state)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", h.StateFile, err)
	}
	return nil
}

// putState makes text the content of the state file, at once and for good; nil removes it. It keeps owner and mode. A new file can be
// read by everybody: HAProxy may run as another user, and there is no secret in it.
func (h *HAProxy) putState(text *string) error {
	if h.StateFile == "" {
		return nil
	}
	if text == nil {
		if err := os.Remove(h.StateFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	path := h.StateFile
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	mode, owner := os.FileMode(0o644), pgctl.Self()
	if model, err := os.Stat(path); err == nil {
		mode = model.Mode().Perm()
		if owner, err = pgctl.OwnerOf(path); err != nil {
			return err
		}
	}
	if err := stray.Remove(path); err != nil {
		return err
	}
	file, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(mode))
	if err != nil {
		return err
	}
	defer file.Cleanup() //nolint:errcheck // after the replacement there is nothing left to clean up
	if owner != pgctl.Self() {
		if err := file.Chown(owner.UID, owner.GID); err != nil {
			return fmt.Errorf("keep its owner: %w", err)
		}
	}
	if _, err := file.WriteString(*text); err != nil {
		return err
	}
	return file.CloseAtomicallyReplace()
}
