package haproxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
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

// keep writes a record, at once and for good.
func (h *HAProxy) keep(file string, record any) error {
	content, err := json.MarshalIndent(record, "", "  ")
	if err == nil {
		err = renameio.WriteFile(file, append(content, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write down how HAProxy was before: %w", err)
	}
	return nil
}

// recall reads a record, and tells whether there is one.
func (h *HAProxy) recall(file string, record any) (bool, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(content, record)
	}
	if err != nil {
		return false, fmt.Errorf("read how HAProxy was before, from %s: %w", file, err)
	}
	return true, nil
}

// Forget removes the records that Restore would need. The state file stays: without it a reload would lead back, unless haproxy.cfg
// has been changed meanwhile.
func (h *HAProxy) Forget() error {
	return h.forget(h.originalRecord(), h.holdRecord())
}

func (h *HAProxy) forget(records ...string) error {
	for _, file := range records {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove how %s was before: %w", h.name, err)
		}
	}
	return nil
}
