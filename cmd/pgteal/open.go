package main

import (
	"context"
	"errors"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/parts"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/term"
	"github.com/pgteal/pgteal/internal/upgrade"
)

// parts reads the configuration and makes what it names.
func (c *cli) parts(ctx context.Context, report progress.Reporter) (upgrade.Parts, error) {
	cfg, err := config.Load(c.configFile)
	if err != nil {
		return upgrade.Parts{}, err
	}
	return parts.Of(ctx, cfg, report)
}

// with opens the upgrade for as long as do runs, and keeps its report.
func (c *cli) with(ctx context.Context, do func(*upgrade.Upgrade) error) error {
	p, err := c.parts(ctx, term.NewLines(c.stderr).Show)
	if err != nil {
		return err
	}
	p.Guard = guardOf(c.configFile)
	u, err := upgrade.Open(ctx, p)
	if err != nil {
		return err
	}
	defer u.Close()
	err = do(u)
	if u.State().ID != "" && len(u.State().Steps) > 0 {
		err = errors.Join(err, u.WriteReport())
	}
	return err
}
