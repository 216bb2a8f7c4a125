package green

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pgteal/pgteal/internal/pgctl"
)

var sslFiles = []string{"ssl_cert_file", "ssl_key_file", "ssl_ca_file", "ssl_crl_file", "ssl_crl_dir", "ssl_dh_params_file"}

// carrySSL brings the files that TLS needs. Those in blue's data directory are copied from the clone into green's, with owner and
// mode; others stay where they are. It returns green's settings for the copied ones, and why green has to do without TLS
// where a file is not on this host.
func (g Cluster) carrySSL(all []setting) (moved map[string]string, without string, err error) {
	moved = map[string]string{}
	if byName(all, "ssl").running != "on" {
		return moved, "", nil
	}
	for _, name := range sslFiles {
		s := byName(all, name)
		path := g.movedAlong(all, s.value)
		switch {
		case path == "":
			continue
		case filepath.IsAbs(path):
			if !exists(path) {
				return nil, fmt.Sprintf("%s %s is not on this host; put it there and set ssl = on", name, path), nil
			}
			continue
		}
		from := filepath.Join(g.Old.DataDirectory, path)
		if g.Old.DataDirectory == "" || !exists(from) {
			return nil, fmt.Sprintf("%s %s is not in the clone; put it into green's data directory and set ssl = on", name, path), nil
		}
		if err := copyTree(from, filepath.Join(g.New.DataDirectory, path)); err != nil {
			return nil, "", fmt.Errorf("copy %s of blue: %w", name, err)
		}
		if path != s.value {
			moved[name] = path
		}
	}
	return moved, "", nil
}

// copyTree copies a file, or a directory of files, with modes and owners. Symbolic links are followed.
func copyTree(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("the owner of %s cannot be told on this system", from)
	}
	owner := pgctl.Account{UID: int(stat.Uid), GID: int(stat.Gid)}
	if !info.IsDir() {
		content, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		return writeAs(owner, to, content, info.Mode().Perm())
	}
	if err := os.Mkdir(to, info.Mode().Perm()); err != nil && !os.IsExist(err) {
		return err
	}
	if err := owner.Own(to); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Type()&fs.ModeDir != 0 {
			continue
		}
		if err := copyTree(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
