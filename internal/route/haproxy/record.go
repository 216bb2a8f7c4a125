package haproxy

import (
	"fmt"
	"hash/fnv"
	"path/filepath"

	"github.com/pgteal/pgteal/internal/route/record"
)

// held is what Hold changes, as it was before.
type held struct {
	Socket   string `json:"socket"`
	Frontend string `json:"frontend"`
	Limit    int    `json:"maxconn"`
}

// original is what Point changes, as it was before the first Point.
type original struct {
	Socket    string   `json:"socket"`
	Backend   string   `json:"backend"`
	Servers   []server `json:"servers"`
	StateFile *string  `json:"state_file"` // its content; nil: there was none
}

// holdRecord is where a held is kept. It stays after Release: routes that share a frontend share it.
func (h *HAProxy) holdRecord() string { return h.recordFile("hold", h.Frontend) }

// originalRecord is where an original is kept.
func (h *HAProxy) originalRecord() string { return h.recordFile("servers", h.Backend) }

// recordFile names a file for a proxy of this HAProxy. Its content says which.
func (h *HAProxy) recordFile(kind, proxy string) string {
	sum := fnv.New64a()
	_, _ = fmt.Fprintf(sum, "%s %s", h.Socket, proxy) // a hash takes everything
	return filepath.Join(h.Directory, fmt.Sprintf("haproxy-%s-%016x.json", kind, sum.Sum64()))
}

// Forget removes the records that Restore would need. The state file stays: without it a reload would lead back, unless haproxy.cfg
// has been changed meanwhile.
func (h *HAProxy) Forget() error { return record.Remove(h.name, h.originalRecord(), h.holdRecord()) }
