package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider/local/clone"
)

// slot is a logical replication slot.
type slot struct{ Name, Plugin, Database string }

// CloneTo makes n, which has no files yet, an exact clone of the server, which goes on serving; one that does not run is started for it, and
// stopped again. The clone does not run afterwards.
//
// As on Aurora, the clone has the replication slots of the server; they begin, other than there, where the clone does.
func (s *Server) CloneTo(ctx context.Context, n *Server) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, err := s.cluster().Postmaster(); errors.Is(err, pgctl.ErrNotRunning) {
		if err := s.launch(ctx); err != nil {
			return err
		}
		defer s.cluster().Stop(context.WithoutCancel(ctx), "fast") //nolint:errcheck // the next start tells
	}
	if err := n.directories(); err != nil {
		return err
	}
	root, err := s.Root()
	if err != nil {
		return err
	}
	if n.slots, err = slots(ctx, root); err != nil {
		return err
	}
	source := clone.Source{Cluster: s.cluster(), Server: root, Programs: s.programs}
	target := clone.Target{Upgrade: filepath.Base(n.Directory), DataDirectory: n.data, Account: n.Account}
	method, _, err := clone.Choose(ctx, source, target, clone.Auto)
	if err != nil {
		return err
	}
	if _, err := clone.Run(ctx, source, target, method, 0, nil); err != nil {
		return err
	}
	n.programs = s.programs
	if n.start, err = clone.Recover(ctx, n.cluster(), nil); err != nil {
		return err
	}
	if err := clone.Stop(ctx, n.cluster()); err != nil {
		return err
	}
	return n.forget()
}

// forget removes what the making of a clone leaves in its data directory.
func (s *Server) forget() error {
	for _, pattern := range []string{"pgteal.*", "*.blue"} {
		files, _ := filepath.Glob(filepath.Join(s.data, pattern)) // the patterns are well formed
		for _, file := range files {
			if err := os.RemoveAll(file); err != nil {
				return err
			}
		}
	}
	return nil
}

func slots(ctx context.Context, root *postgres.Server) (all []slot, err error) {
	err = root.In(ctx, "postgres", func(conn *pgx.Conn) error {
		rows, _ := conn.Query(ctx, `SELECT slot_name, plugin, database FROM pg_replication_slots
			WHERE slot_type = 'logical' AND NOT temporary ORDER BY slot_name`) // CollectRows returns its error
		all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[slot])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the replication slots: %w", err)
	}
	return all, nil
}

// inherit makes the slots that came with the volume, as soon as the server writes WAL that they can decode.
func (s *Server) inherit(ctx context.Context) error {
	if len(s.slots) == 0 || s.settings["rds.logical_replication"] != "1" {
		return nil
	}
	root, err := s.Root()
	if err != nil {
		return err
	}
	for _, slot := range s.slots {
		err := root.In(ctx, slot.Database, func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `SELECT pg_create_logical_replication_slot($1, $2)`, slot.Name, slot.Plugin)
			return err
		})
		if err != nil {
			return fmt.Errorf("give the clone its slot %q: %w", slot.Name, err)
		}
	}
	s.slots = nil
	return nil
}
