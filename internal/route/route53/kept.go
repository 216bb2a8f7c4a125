package route53

import (
	"fmt"
	"path/filepath"

	"github.com/pgteal/pgteal/internal/route/record"
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

func (r *Route53) keep(k kept) error { return record.Write(r.keptPath(), r.name, k) }

// recall reads what was kept, nothing where there is no file.
func (r *Route53) recall() (k kept, err error) {
	_, err = record.Read(r.keptPath(), r.name, &k)
	return k, err
}

// Forget removes what Restore would put back.
func (r *Route53) Forget() error { return record.Remove(r.name, r.keptPath()) }
