package upgrade

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/stray"
)

func (u *Upgrade) secretFile() string { return filepath.Join(u.config.State(), "secret") }

// makeSecret writes the password of pgteal's role where only this user can read it, before anything uses it.
func (u *Upgrade) makeSecret() error {
	if u.password == "" {
		u.password = postgres.NewPassword()
	}
	if err := stray.Remove(u.secretFile()); err != nil {
		return err
	}
	if err := renameio.WriteFile(u.secretFile(), []byte(u.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep the password of pgteal's role: %w", err)
	}
	return nil
}

// forgetSecret removes the password once the role is gone.
func (u *Upgrade) forgetSecret() error {
	if err := errors.Join(os.RemoveAll(u.secretFile()), stray.Remove(u.secretFile())); err != nil {
		return fmt.Errorf("remove the password of pgteal's role: %w", err)
	}
	return nil
}
