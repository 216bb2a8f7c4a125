package pgbouncer

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/stray"
)

// savedPath is where the included file is kept as it was before the first Point.
func (b *PgBouncer) savedPath() string { return b.includePath + ".blue" }

func (b *PgBouncer) read() (*include, error) {
	content, err := os.ReadFile(b.includePath)
	if err != nil {
		return nil, fmt.Errorf("read PgBouncer's included file: %w", err)
	}
	f, err := parseInclude(string(content))
	if err != nil {
		return nil, fmt.Errorf("read PgBouncer's included file %s: %w", b.includePath, err)
	}
	return f, nil
}

// write makes a file of text at path, at once and for good, with the mode and the owner of the included file. PgBouncer, which
// often runs as another user, must be able to read it. A symbolic link stays one.
func (b *PgBouncer) write(path, text string) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	model, err := os.Stat(b.includePath)
	if err != nil {
		return err
	}
	owner, err := pgctl.OwnerOf(b.includePath)
	if err != nil {
		return err
	}
	if err := stray.Remove(path); err != nil {
		return err
	}
	file, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)),
		renameio.WithStaticPermissions(model.Mode().Perm()))
	if err != nil {
		return err
	}
	defer file.Cleanup() //nolint:errcheck // after the replacement there is nothing left to clean up
	if is, err := pgctl.OwnerOf(file.Name()); err != nil {
		return err
	} else if is != owner {
		if err := file.Chown(owner.UID, owner.GID); err != nil {
			return fmt.Errorf("keep its owner: %w", err)
		}
	}
	if _, err := file.WriteString(text); err != nil {
		return err
	}
	return file.CloseAtomicallyReplace()
}

// isSocket tells whether a host is the directory of a Unix socket. Without a host PgBouncer looks in its own unix_socket_dir.
func isSocket(host string) bool {
	return host == "" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@")
}

func (e *entry) address() string { return address(e.host.value, strconv.Itoa(e.portNumber())) }

func address(host, port string) string {
	if isSocket(host) {
		return fmt.Sprintf("the Unix socket of port %s in %q", port, host)
	}
	return fmt.Sprintf("host %q, port %s", host, port)
}
