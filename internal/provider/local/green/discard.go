package green

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Discard ends what runs of the upgrade and removes green: its registration, data directory, tablespaces, and the work directory.
// It removes only what Upgrade and Adopt recorded as theirs. The clone is left to whoever made it.
func (g Cluster) Discard(ctx context.Context) error {
	c, err := g.readClaim()
	if err != nil {
		return err
	}
	if exists(g.run()) {
		lock, err := g.endStrays(ctx)
		if err != nil {
			return err
		}
		defer lock.Close() //nolint:errcheck // nothing is written to it
	}
	if service := g.serviceOf(c); service != nil {
		if err := service.Forget(ctx); err != nil {
			return err
		}
	}
	if c.owns(g.New.DataDirectory) {
		if err := g.removeGreen(ctx, c); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(g.run()); err != nil {
		return err
	}
	for _, file := range []string{filepath.Join(g.Work, "retired-unit"), g.claimFile()} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	_ = os.Remove(g.Work) // stays where somebody else keeps files in it
	return nil
}

// removeGreen removes green's files. Its own data directory goes last, because its links tell where the tablespaces are.
func (g Cluster) removeGreen(ctx context.Context, c claim) error {
	if err := g.endServer(ctx, g.New); err != nil {
		return err
	}
	for _, cluster := range []string{g.New.DataDirectory, g.Old.DataDirectory} {
		links := g.New
		links.DataDirectory = cluster
		locations, err := g.tablespaces(links)
		if err != nil {
			return err
		}
		for _, location := range locations {
			if err := removeVersion(location, g.New.Major); err != nil {
				return err
			}
		}
	}
	if !slices.Contains(c.Made, g.New.DataDirectory) {
		return empty(g.New.DataDirectory) // a mount point, perhaps: the directory was there before
	}
	if err := os.RemoveAll(g.New.DataDirectory); err != nil {
		return err
	}
	for _, made := range slices.Backward(c.Made) {
		if err := os.Remove(made); err != nil && !errors.Is(err, fs.ErrNotExist) {
			break // it holds something else by now
		}
	}
	return nil
}

// serviceOf returns the service to which green was handed, nil where it was to none.
func (g Cluster) serviceOf(c claim) Service {
	switch c.Service {
	case KindDebian:
		return debian{g: g, name: filepath.Base(c.Registration)}
	case KindSystemd:
		return systemd{g: g, unit: filepath.Base(c.Registration)}
	case KindPgctl:
		return plain{g: g}
	}
	return nil
}
