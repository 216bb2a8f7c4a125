package route53

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
	Original []set  `json:"original,omitempty"` // the record before the first Point; none after Restore
	Change   string `json:"change,omitempty"`   // id of the change that was accepted last
}

// keptPath is where kept lies. The zone is part of it: the same name may be in a public and in a private zone.
func (r *Route53) keptPath() string {
	return filepath.Join(r.Directory, fmt.Sprintf("route53-%s-%s.json", r.Zone, r.Record))
}

// keep writes k, at once and for good.
func (r *Route53) keep(k kept) error {
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
func (r *Route53) recall() (k kept, err error) {
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
func (r *Route53) Forget() error {
	if err := os.Remove(r.keptPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove how %s was before: %w", r.name, err)
	}
	return nil
}
