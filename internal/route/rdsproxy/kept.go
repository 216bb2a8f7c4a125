package rdsproxy

import (
	"fmt"
	"path/filepath"

	"github.com/pgteal/pgteal/internal/route/record"
)

// kept is what has to outlive a process.
type kept struct {
	Original string `json:"original,omitempty"` // DbClusterResourceId of what was registered before the first Point; none after Restore
}

// keptPath is where kept lies.
func (r *RDSProxy) keptPath() string {
	return filepath.Join(r.Directory, fmt.Sprintf("rdsproxy-%s-%s.json", r.Proxy, r.TargetGroup))
}

func (r *RDSProxy) keep(k kept) error { return record.Write(r.keptPath(), r.name, k) }

// recall reads what was kept, nothing where there is no file.
func (r *RDSProxy) recall() (k kept, err error) {
	_, err = record.Read(r.keptPath(), r.name, &k)
	return k, err
}

// Forget removes what Restore would put back.
func (r *RDSProxy) Forget() error { return record.Remove(r.name, r.keptPath()) }
