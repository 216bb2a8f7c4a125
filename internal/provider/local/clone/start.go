package clone

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
)

// Start starts the recovered clone privately, where it does not run, and returns its server.
func Start(ctx context.Context, c pgctl.Cluster) (*postgres.Server, error) {
	m, err := readMarker(c.DataDirectory)
	if err != nil {
		return nil, fmt.Errorf("start the clone: %w", err)
	}
	if m.LSN == 0 {
		return nil, fmt.Errorf("start the clone in %s: it is not recovered yet", c.DataDirectory)
	}
	if err := settled(ctx, c); err != nil {
		return nil, err
	}
	if p, err := c.Postmaster(); err == nil {
		return reach(p.SocketDirectory, m)
	} else if !errors.Is(err, pgctl.ErrNotRunning) {
		return nil, err
	}
	return launch(ctx, c, m)
}

// Stop stops the clone's server cleanly. One that does not run is no error.
func Stop(ctx context.Context, c pgctl.Cluster) error {
	if err := settled(ctx, c); err != nil {
		return err
	}
	return c.Stop(ctx, "fast")
}

// launch starts the server and returns when it takes connections. When it fails or is canceled, no server runs. A server that
// somebody who was killed had only just begun to start, and that did not show yet, is stopped and the start tried again.
func launch(ctx context.Context, c pgctl.Cluster, m marker) (*postgres.Server, error) {
	sockets, err := ownSockets(c, &m)
	if err != nil {
		return nil, err
	}
	if err := configure(c, m); err != nil {
		return nil, err
	}
	const tries = 3
	for try := 1; ; try++ {
		log := filepath.Join(c.DataDirectory, logFile)
		err := c.Start(ctx, log, pgctl.Setting{Name: "unix_socket_directories", Value: guc(sockets)})
		if err == nil { // with hot_standby off, pg_ctl does not wait for recovery
			err = ready(ctx, c, log)
		}
		if err == nil {
			return reach(sockets, m)
		}
		another, failed := stopNow(ctx, c)
		if failed != nil || !another || try == tries || ctx.Err() != nil {
			return nil, errors.Join(fmt.Errorf("start the clone: %w", err), failed)
		}
	}
}

// stopNow stops the server without a checkpoint, also when ctx is over. It tells whether there was one.
func stopNow(ctx context.Context, c pgctl.Cluster) (ran bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := settled(ctx, c); err != nil {
		return false, err
	}
	said, err := lines(c)
	if err != nil {
		return false, err
	}
	return len(said) > 0, c.Stop(ctx, "immediate")
}

func reach(sockets string, m marker) (*postgres.Server, error) {
	quote := func(v string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'" }
	return postgres.Open("clone", fmt.Sprintf("host=%s port=%d user=%s sslmode=disable", quote(sockets), port, quote(m.Superuser)))
}
