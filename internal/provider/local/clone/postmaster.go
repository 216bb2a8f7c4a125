package clone

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// lines returns what postmaster.pid says: process, data directory, time of start, port, socket directory, address, shared memory,
// state (https://www.postgresql.org/docs/current/storage-file-layout.html). There are none where no process is behind it.
func lines(c pgctl.Cluster) ([]string, error) {
	content, err := os.ReadFile(filepath.Join(c.DataDirectory, "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	said := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	if said[0] != "" && !pgctl.Alive(said[0]) { // it is empty for the moment between its making and its writing
		return nil, nil
	}
	return said, nil
}

// settled returns when the server's postmaster.pid is whole or its process gone. A pgteal that was killed may have left a server that
// is just starting; it can be neither asked nor stopped before.
func settled(ctx context.Context, c pgctl.Cluster) error {
	const starting = 30 * time.Second
	const whole = 7 // lines, with those that the server writes once it listens
	limited, cancel := context.WithTimeout(ctx, starting)
	defer cancel()
	return until(limited, func() (bool, error) {
		said, err := lines(c)
		return len(said) == 0 || len(said) >= whole, err
	}, fmt.Sprintf("the server that starts on %s to listen", c.DataDirectory))
}

// ready returns when the server takes connections. That is after recovery, which lasts as long as there is WAL.
func ready(ctx context.Context, c pgctl.Cluster, log string) error {
	const state = 7
	return until(ctx, func() (bool, error) {
		said, err := lines(c)
		if err == nil && len(said) == 0 {
			err = fmt.Errorf("the server on %s has ended:\n%s", c.DataDirectory, pgctl.Tail(log, 10))
		}
		return len(said) > state && strings.TrimSpace(said[state]) == "ready", err
	}, fmt.Sprintf("the server on %s to recover", c.DataDirectory))
}

// until waits for what.
func until(ctx context.Context, condition func() (bool, error), what string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if met, err := condition(); met || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}
