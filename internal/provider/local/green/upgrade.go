package green

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/progress"
)

// Upgrade makes green out of the clone: initdb, then pg_upgrade with hard links. Neither cluster runs before or after.
//
// It can be cut off anywhere, by kill -9 too, and called again: until it has returned nil once, the clone is whole and the upgrade
// starts over; after that it does nothing. Once it has succeeded, the clone must not be started again, for it shares its files with green.
func (g Cluster) Upgrade(ctx context.Context, step *progress.Step) error {
	c, err := g.readClaim()
	if err != nil {
		return err
	}
	if !c.Upgraded {
		if err := g.upgrade(ctx, c, step); err != nil {
			return err
		}
	}
	return g.tidyClone()
}

func (g Cluster) upgrade(ctx context.Context, c claim, step *progress.Step) error {
	if g.Old.DataDirectory == "" {
		return errors.New("there is no clone to upgrade")
	}
	if err := g.prepare(); err != nil {
		return err
	}
	lock, err := g.endStrays(ctx)
	if err != nil {
		return err
	}
	defer lock.Close() //nolint:errcheck // nothing is written to it
	defer g.removeSockets()
	if c, err = g.reset(c); err != nil {
		return err
	}

	step.Now("initdb: an empty cluster like blue's")
	if err := errors.Join(g.writePrivateConf(g.Old), g.writePrivateConf(g.New)); err != nil {
		return err
	}
	f, err := g.readFacts(ctx, lock)
	if err != nil {
		return err
	}
	if c, err = g.letIn(ctx, lock, c, f); err != nil {
		return err
	}
	if err := g.init(ctx, lock, f); err != nil {
		return err
	}
	if err := g.pgUpgrade(ctx, lock, f, step); err != nil {
		g.leaveQuiet(ctx)
		return err
	}
	if c.NoLogin {
		if err := g.setLogin(ctx, lock, g.New, false); err != nil {
			return err
		}
	}
	c.Upgraded = true
	return g.writeClaim(c)
}

// letIn lets the clone's bootstrap superuser log in, as whom pg_upgrade connects. That blue's may not is written down first, so that green's
// will not either.
func (g Cluster) letIn(ctx context.Context, lock *os.File, c claim, f facts) (claim, error) {
	if f.login {
		return c, nil
	}
	c.NoLogin = true
	if err := g.writeClaim(c); err != nil {
		return c, err
	}
	return c, g.setLogin(ctx, lock, g.Old, true)
}

func (g Cluster) setLogin(ctx context.Context, lock *os.File, c pgctl.Cluster, login bool) error {
	_, err := g.singleUser(ctx, lock, c, fmt.Sprintf("UPDATE pg_authid SET rolcanlogin = %t WHERE oid = 10", login))
	if err != nil {
		return fmt.Errorf("set whether the bootstrap superuser may log in: %w", err)
	}
	return nil
}

// reset brings clone and green to where they were before pg_upgrade.
func (g Cluster) reset(c claim) (claim, error) {
	// With --link, pg_upgrade disables the old cluster by renaming its control file before it links the first file, and leaves
	// everything else in it as it was (https://www.postgresql.org/docs/current/pgupgrade.html, "Reverting to old cluster").
	control := filepath.Join(g.Old.DataDirectory, "global/pg_control")
	if disabled := control + ".old"; !exists(control) && exists(disabled) {
		if err := os.Rename(disabled, control); err != nil {
			return c, fmt.Errorf("enable the clone again: %w", err)
		}
	}
	locations, err := g.tablespaces(g.Old)
	if err != nil {
		return c, err
	}
	if c, err = g.claimDataDirectory(c); err != nil {
		return c, err
	}
	for _, location := range locations {
		if err := removeVersion(location, g.New.Major); err != nil {
			return c, fmt.Errorf("remove what an earlier attempt left in a tablespace: %w", err)
		}
	}
	return c, nil
}

// leaveQuiet ends the servers that a failed or canceled pg_upgrade left running. Where that does not work out, the next attempt
// has to.
func (g Cluster) leaveQuiet(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), strayLimit)
	defer cancel()
	_ = g.endServer(ctx, g.Old) // pg_upgrade's own error is the one to tell
	_ = g.endServer(ctx, g.New)
}

// tidyClone removes the old major's files from the tablespaces' locations, where they lie beside green's.
func (g Cluster) tidyClone() error {
	locations, err := g.tablespaces(g.Old)
	if err != nil {
		return err
	}
	for _, location := range locations {
		if err := removeVersion(location, g.Old.Major); err != nil {
			return fmt.Errorf("remove the clone's files from a tablespace: %w", err)
		}
	}
	return nil
}
