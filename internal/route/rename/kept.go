package rename

import (
	"fmt"
	"path/filepath"

	"github.com/pgteal/pgteal/internal/route/record"
)

// kept is what has to outlive a process.
type kept struct {
	Names []named `json:"names"`
}

// keptPath is where kept lies.
func (r *Rename) keptPath() string {
	return filepath.Join(r.Directory, fmt.Sprintf("rename-%s.json", r.Cluster))
}

func (r *Rename) keep(k kept) error { return record.Write(r.keptPath(), r.name, k) }

// recall reads what was kept, nothing where there is no file.
func (r *Rename) recall() (k kept, err error) {
	_, err = record.Read(r.keptPath(), r.name, &k)
	return k, err
}

// Forget removes what Restore would put back.
func (r *Rename) Forget() error { return record.Remove(r.name, r.keptPath()) }
