package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/rights"
	"github.com/pgteal/pgteal/internal/provider/local/green"
)

// UpgradeError says why a major version upgrade failed. The server runs as before.
type UpgradeError struct {
	Reason string
	Files  map[string]string // pg_upgrade's own reports, by their names
}

func (e *UpgradeError) Error() string { return "upgrade the DB cluster: " + e.Reason }

// Upgrade upgrades the server to another major by pg_upgrade and leaves it running with settings. Where that fails, with an *UpgradeError,
// it runs on the old major with the settings that it had.
func (s *Server) Upgrade(ctx context.Context, to pgctl.Programs, settings map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	root, err := s.Root()
	if err != nil {
		return err
	}
	have, err := slots(ctx, root)
	if err != nil {
		return err
	}
	if len(have) > 0 {
		names := make([]string, len(have))
		for i := range have {
			names[i] = have[i].Name
		}
		reason := "The instance could not be upgraded because one or more databases have logical replication slots. " +
			"Please drop all logical replication slots and try again. Slots: " + strings.Join(names, ", ")
		return &UpgradeError{Reason: reason, Files: map[string]string{"pg_upgrade_precheck.log": reason + "\n"}}
	}
	if err := rights.Remove(ctx, root); err != nil {
		return err
	}
	if err := s.cluster().Stop(ctx, "fast"); err != nil {
		return err
	}
	next := pgctl.Cluster{Programs: to, Account: s.Account, DataDirectory: filepath.Join(s.Directory, fmt.Sprintf("data%d", to.Major))}
	g := green.Cluster{Old: s.cluster(), New: next, Work: filepath.Join(s.Directory, "upgrade"), Port: s.Port}
	if err := g.Upgrade(ctx, progress.Reporter(nil).Step("upgrade")); err != nil {
		failed := &UpgradeError{Reason: err.Error(), Files: reports(g)}
		if err := errors.Join(g.Discard(ctx), s.launch(ctx)); err != nil {
			return err
		}
		return errors.Join(failed, rights.Install(ctx, root, s.master))
	}
	old := s.data
	s.moveTo(next.DataDirectory)
	s.programs, s.settings, s.slots = to, settings, nil
	s.start = 0 // the log begins anew, and what the volume began with means nothing in it
	if err := errors.Join(os.RemoveAll(old), os.RemoveAll(g.Work)); err != nil {
		return err
	}
	if err := s.launch(ctx); err != nil {
		return err
	}
	return rights.Install(ctx, root, s.master)
}

// moveTo makes a directory the data directory.
func (s *Server) moveTo(directory string) {
	s.accessMu.Lock()
	defer s.accessMu.Unlock()
	s.data = directory
}

// reports reads what pg_upgrade wrote: below the new data directory since 15, in its working directory before.
func reports(g green.Cluster) map[string]string {
	files := map[string]string{}
	for _, pattern := range []string{
		filepath.Join(g.New.DataDirectory, "pg_upgrade_output.d/*/*.txt"), filepath.Join(g.New.DataDirectory, "pg_upgrade_output.d/*/log/*.log"),
		filepath.Join(g.Work, "pg_upgrade/*.txt"), filepath.Join(g.Work, "pg_upgrade/*.log"),
	} {
		found, _ := filepath.Glob(pattern) // the patterns are well formed
		for _, file := range found {
			content, err := os.ReadFile(file)
			if err != nil || len(content) == 0 {
				continue // the others may tell
			}
			name := filepath.Base(file)
			if !strings.HasPrefix(name, "pg_upgrade_") {
				name = "pg_upgrade_" + name
			}
			files[name] = string(content)
		}
	}
	return files
}
