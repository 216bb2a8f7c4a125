package rdsproxy

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
	Original string `json:"original,omitempty"` // DbClusterResourceId of what was registered before the first Point; none after Restore
}

// keptPath is where kept lies.
func (r *RDSProxy) keptPath() string {
	return filepath.Join(r.Directory, fmt.Sprintf("rdsproxy-%s-%s.json", r.Proxy, r.TargetGroup))
}

// keep writes k, at once and for good.
func (r *RDSProxy) keep(k kept) error {
	content, err := json.MarshalIndent(k, "", "  ")
	if err == nil {
		err = renameio.WriteFile(r.keptPath(), append(content, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write down how %s was before: %w", r.name, err)
	}
	return nil
}

// recall reads what was kept, nothing where there is no file.
func (r *RDSProxy) recall() (k kept, err error) {
	content, err := os.ReadFile(r.keptPath())
	if errors.Is(err, fs.ErrNotExist) {
		return kept{}, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &k)
	}
	if err != nil {
		return kept{}, fmt.Errorf("read how %s was before, from %s: %w", r.name, r.keptPath(), err)
	}
	return k, nil
}

// Forget removes what Restore would put back.
func (r *RDSProxy) Forget() error {
	if err := os.Remove(r.keptPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove how %s was before: %w", r.name, err)
	}
	return nil
}
