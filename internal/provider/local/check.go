package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider/local/clone"
)

// spareSpace is what green needs beyond the clone, whatever its method: WAL, catalogs of its own, statistics.
const spareSpace = 256 << 20

func blocks(check, object, reason, fix string) *finding.Finding {
	return &finding.Finding{Check: check, Blocks: finding.Upgrade, Object: object, Reason: reason, Fix: fix}
}

// checkPort sees that nothing listens on green's port.
func (l *Local) checkPort(ctx context.Context) *finding.Finding {
	if _, err := l.greenCluster().Postmaster(); err == nil && l.ours() {
		return nil // green itself
	}
	port := l.config.Green.Port
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil {
		_ = listener.Close() // nobody has connected
		return nil
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return blocks("port", fmt.Sprintf("port %d", port), "Something listens on it already, so green could not.", "Name a free port in green.port.")
	}
	return blocks("port", fmt.Sprintf("port %d", port), "It cannot be listened on: "+err.Error(), "Name another port in green.port.")
}

// checkDirectory sees that green's data directory is missing or empty, and that it can be made.
func (l *Local) checkDirectory() *finding.Finding {
	dir := l.config.Green.DataDirectory
	entries, err := os.ReadDir(dir)
	foreign := l.foreign()
	switch {
	case foreign != nil:
		return blocks("green-directory", dir, foreign.Error()+".", fault.HintOf(foreign))
	case err == nil && len(entries) > 0 && !l.ours():
		return blocks("green-directory", dir, "green.data_directory is not empty.",
			"Name another one, or remove what is in it. Debian makes a cluster when a server package is installed: pg_dropcluster removes an unused one.")
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return blocks("green-directory", dir, err.Error(), "Name another green.data_directory.")
	}
	parent := dir
	for _, err := os.Stat(parent); err != nil; _, err = os.Stat(parent) {
		parent = filepath.Dir(parent)
	}
	const writeAndSearch = 3 // W_OK | X_OK, access(2)
	if err := syscall.Access(parent, writeAndSearch); err != nil {
		return blocks("green-directory", dir, fmt.Sprintf("It cannot be made in %s: %v.", parent, err),
			"Run pgteal as root, or name another green.data_directory.")
	}
	return nil
}

// checkSpace compares what clone and green need with what is free.
func (l *Local) checkSpace(ctx context.Context, blue *postgres.Server, method string) ([]finding.Finding, error) {
	needed := int64(spareSpace)
	if method != clone.Reflink {
		database, err := blue.MaintenanceDatabase(ctx)
		if err != nil {
			return nil, err
		}
		var size int64
		err = blue.In(ctx, database, func(conn *pgx.Conn) error {
			return conn.QueryRow(ctx, `SELECT sum(pg_database_size(oid))::bigint FROM pg_database`).Scan(&size)
		})
		if err != nil {
			return nil, fmt.Errorf("ask for blue's size: %w", err)
		}
		needed += size
	}
	if l.ours() {
		return nil, nil // what was needed is in use already
	}
	parent := l.work()
	var stat syscall.Statfs_t
	for err := syscall.Statfs(parent, &stat); err != nil; err = syscall.Statfs(parent, &stat) {
		if !errors.Is(err, syscall.ENOENT) {
			return nil, fmt.Errorf("ask for the free space at %s: %w", parent, err)
		}
		parent = filepath.Dir(parent)
	}
	var found []finding.Finding
	if free := int64(stat.Bavail) * int64(stat.Bsize); free < needed { //nolint:gosec,unconvert // sizes of disks fit, the types differ by system
		found = append(found, *blocks("space", parent, fmt.Sprintf("The clone by %s and green need %d MB, %d MB are free.", method, needed>>20, free>>20),
			"Make room, or name a green.data_directory where there is room; on XFS or btrfs, next to blue, the clone needs next to none."))
	}
	if f := l.checkFiles(parent, stat); f != nil {
		found = append(found, *f)
	}
	return found, nil
}
