package rename

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// kept is what has to outlive a process.
type kept struct {
	Names []named `json:"names"`
}

// keptPath is where kept lies.
func (r *Rename) keptPath() string {
	return filepath.Join(r.Directory, fmt.Sprintf("rename-%s.json", r.Cluster))
}

// keep writes k, at once and for good.
func (r *Rename) keep(k kept) error {
	content, err := json.MarshalIndent(k, "", "  ")
	if err == nil {
		err = renameio.WriteFile(r.keptPath(), append(content, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write down the names of %s as they were before: %w", r.name, err)
	}
	return nil
}

// recall reads what was kept, nothing where there is no file.
func (r *Rename) recall() (k kept, err error) {
	content, err := os.ReadFile(r.keptPath())
	if errors.Is(err, fs.ErrNotExist) {
		return kept{}, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &k)
	}
	if err != nil {
		return kept{}, fmt.Errorf("read the names of %s as they were before, from %s: %w", r.name, r.keptPath(), err)
	}
	return k, nil
}

// Forget removes what Restore would put back.
func (r *Rename) Forget() error {
	if err := os.Remove(r.keptPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the names of %s as they were before: %w", r.name, err)
	}
	return nil
}
