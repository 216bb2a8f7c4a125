package local

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider"
	"github.com/pgteal/pgteal/internal/provider/local/clone"
)

// Clone clones blue by the best method that works, or the configured one.
func (l *Local) Clone(ctx context.Context, blue *postgres.Server, step *progress.Step) (provider.Clone, error) {
	if err := errors.Join(l.foreign(), l.Discard(ctx)); err != nil {
		return provider.Clone{}, err
	}
	source, err := l.cloneSource(ctx, blue)
	if err != nil {
		return provider.Clone{}, err
	}
	if err := l.makeWork(); err != nil {
		return provider.Clone{}, err
	}
	method, reason, err := clone.Choose(ctx, source, l.target(), l.config.Clone.Method)
	if err != nil {
		return provider.Clone{}, err
	}
	step.Say(method + ": " + reason)
	return clone.Run(ctx, source, l.target(), method, l.config.Clone.Jobs, step)
}

func (l *Local) cloneSource(ctx context.Context, blue *postgres.Server) (clone.Source, error) {
	database, err := blue.MaintenanceDatabase(ctx)
	if err != nil {
		return clone.Source{}, err
	}
	var major int
	err = blue.In(ctx, database, func(conn *pgx.Conn) (err error) {
		major, err = postgres.Major(ctx, conn)
		return err
	})
	if err != nil {
		return clone.Source{}, err
	}
	return l.source(blue, major)
}

// StartClone recovers the clone where that has not been done, and starts it where it does not run.
func (l *Local) StartClone(ctx context.Context, step *progress.Step) (*postgres.Server, postgres.LSN, error) {
	if err := l.foreign(); err != nil {
		return nil, 0, err
	}
	c, err := l.cloneCluster()
	if err != nil {
		return nil, 0, err
	}
	lsn, err := clone.Recover(ctx, c, step)
	if err != nil {
		return nil, 0, err
	}
	s, err := clone.Start(ctx, c)
	if err != nil {
		return nil, 0, err
	}
	return s.RunAs(l.account.UID), lsn, nil
}

// Check looks for what would stop the clone and green: programs, directories, space, the port, the network.
func (l *Local) Check(ctx context.Context, blue *postgres.Server) (findings []finding.Finding, err error) {
	before, err := readWAL(ctx, blue) // the rate is measured while all else is looked at
	if err != nil {
		return nil, err
	}
	source, err := l.cloneSource(ctx, blue)
	if err != nil {
		return nil, err
	}
	if findings, err = l.checkPrograms(ctx, blue); err != nil {
		return nil, err
	}
	port := l.checkPort(ctx)
	if port != nil {
		findings = append(findings, *port)
	}
	if found := l.checkDirectory(); found != nil {
		findings = append(findings, *found)
	}
	network := l.startCheckNetwork(ctx, blue, port == nil)
	defer func() {
		found, failed := network()
		findings, err = append(findings, found...), errors.Join(err, failed)
	}()
	method, _, err := clone.Choose(ctx, source, l.target(), l.config.Clone.Method)
	if err != nil {
		if fault.KindOf(err) == fault.Usage {
			return nil, err
		}
		return append(findings, finding.Finding{
			Check: "clone", Blocks: finding.Upgrade, Object: "blue", Reason: err.Error(), Fix: fault.HintOf(err),
		}), nil
	}
	found, err := l.checkSpace(ctx, blue, method)
	if findings = append(findings, found...); err != nil {
		return findings, err
	}
	found, err = l.checkWALSpace(ctx, blue, before)
	return append(findings, found...), err
}
