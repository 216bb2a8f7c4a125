package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider"
	"github.com/pgteal/pgteal/internal/provider/local/clone"
	"github.com/pgteal/pgteal/internal/provider/local/green"
)

// green is green on its way from the clone.
func (l *Local) green() (green.Cluster, error) {
	g := green.Cluster{New: l.greenCluster(), Work: l.work(), Port: l.config.Green.Port}
	if err := l.foreign(); err != nil {
		return g, err
	}
	old, err := l.cloneCluster()
	if err != nil && !errors.Is(err, os.ErrNotExist) { // it is gone once green serves
		return g, err
	}
	g.Old = old
	if dir := l.config.Blue.DataDirectory; dir != "" {
		g.Keep = append(g.Keep, dir)
	}
	return g, nil
}

// service is what starts green.
func (l *Local) service(ctx context.Context, g green.Cluster) (green.Service, error) {
	blue, err := l.blueCluster()
	if err != nil {
		return nil, err
	}
	return g.Service(ctx, green.ServiceOptions{Kind: l.config.Green.Service, Name: l.config.Upgrade, Blue: blue, Log: l.plainLog()})
}

// Upgrade upgrades the clone.
func (l *Local) Upgrade(ctx context.Context, blue *postgres.Server, step *progress.Step) error {
	g, err := l.green()
	if err != nil {
		return err
	}
	if err := clone.Stop(ctx, g.Old); err != nil {
		return err
	}
	if g.Libraries, g.Settings, err = green.Preload(ctx, blue); err != nil {
		return err
	}
	locations, err := tablespaces(ctx, blue)
	if err != nil {
		return err
	}
	g.Keep = append(g.Keep, locations...)
	return g.Upgrade(ctx, step)
}

// tablespaces lists where blue's tablespaces are.
func tablespaces(ctx context.Context, blue *postgres.Server) (locations []string, err error) {
	database, err := blue.MaintenanceDatabase(ctx)
	if err != nil {
		return nil, err
	}
	err = blue.In(ctx, database, func(conn *pgx.Conn) error {
		rows, _ := conn.Query(ctx, `SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE pg_tablespace_location(oid) <> '' ORDER BY 1`)
		if locations, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return fmt.Errorf("list blue's tablespaces: %w", err)
		}
		return nil
	})
	return locations, err
}

// StartGreen hands green to what will start it, gives it blue's settings, and starts it where it does not run.
func (l *Local) StartGreen(ctx context.Context, blue *postgres.Server, step *progress.Step) (*postgres.Server, []provider.Carried, error) {
	g, err := l.green()
	if err != nil {
		return nil, nil, err
	}
	if _, err := os.Stat(g.New.DataDirectory); errors.Is(err, os.ErrNotExist) {
		return nil, nil, fault.New(fault.Failed, fmt.Errorf("green's data directory %s is gone", g.New.DataDirectory),
			"Put it back. Where green does not serve yet: pgteal abort, and pgteal prepare again.")
	}
	service, err := l.service(ctx, g)
	if err != nil {
		return nil, nil, err
	}
	carried, err := l.carryOnce(ctx, g, service, blue, step)
	if err != nil {
		return nil, nil, err
	}
	if err := service.Start(ctx); err != nil {
		return nil, nil, err
	}
	p, err := g.New.Postmaster()
	if err != nil {
		return nil, nil, err
	}
	if p.Port != l.config.Green.Port { // routes would lead clients there
		return nil, nil, fault.New(fault.Usage, fmt.Errorf("green listens on port %d, green.port of the configuration is %d", p.Port, l.config.Green.Port),
			fmt.Sprintf("Put green.port back to %d.", p.Port))
	}
	s, err := postgres.Open("green", address(p)+" sslmode=disable")
	if err != nil {
		return nil, nil, err
	}
	return s.RunAs(l.account.UID), carried, nil
}

// Complete has nothing to do: beside its data and its settings, a cluster on this host has nothing.
func (*Local) Complete(context.Context, *progress.Step) error { return nil }

// carryOnce carries blue's settings over. What became of them is kept on disk: a later call, with blue gone perhaps, tells the same.
func (l *Local) carryOnce(
	ctx context.Context, g green.Cluster, service green.Service, blue *postgres.Server, step *progress.Step,
) (carried []provider.Carried, err error) {
	file := filepath.Join(l.work(), "carried.json")
	content, err := os.ReadFile(file)
	if err == nil {
		return carried, json.Unmarshal(content, &carried)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	step.Now("asking the new major for each of blue's settings")
	if err := service.Adopt(ctx); err != nil {
		return nil, err
	}
	g.New = service.Cluster()
	databases, err := blue.Databases(ctx)
	if err != nil {
		return nil, err
	}
	carried, err = g.Carry(ctx, blue, green.CarryOptions{Subscriptions: len(databases), Fence: postgres.HBAClosed.Block()})
	if err != nil {
		return nil, err
	}
	if content, err = json.Marshal(carried); err != nil {
		return nil, err
	}
	return carried, renameio.WriteFile(file, content, 0o600)
}

// Discard stops and removes clone and green, and nothing that this upgrade did not make.
func (l *Local) Discard(ctx context.Context) error {
	if err := l.rehearsal().Discard(ctx); err != nil {
		return err
	}
	if err := l.foreign(); errors.Is(err, errForeign) {
		return nil // so there is nothing of ours
	} else if err != nil {
		return err
	}
	g, err := l.green()
	if err != nil {
		return err
	}
	if g.Old.DataDirectory != "" {
		if err := clone.Stop(ctx, g.Old); err != nil {
			return err
		}
	}
	// Green first: a tablespace's location may hold files of both, and the clone's directory tells where.
	if err := g.Discard(ctx); err != nil {
		return err
	}
	if err := clone.Discard(ctx, l.target()); err != nil {
		return err
	}
	if l.ours() {
		if err := os.RemoveAll(l.plainLog()); err != nil {
			return err
		}
	}
	return l.removeWork()
}

// Retires tells whether blue is stopped by finish.
func (l *Local) Retires() string {
	switch {
	case l.config.Blue.DataDirectory == "":
		return "Blue is on another host: stop it there."
	case l.config.Finish.Blue == "keep":
		return "Blue was kept, as configured (finish.blue)."
	}
	return ""
}

// Retire stops blue.
func (l *Local) Retire(ctx context.Context, _ *progress.Step) (string, error) {
	blue, err := l.blueCluster()
	if err != nil {
		return "", err
	}
	g, err := l.green()
	if err != nil {
		return "", err
	}
	did, err := g.Retire(ctx, blue)
	if err != nil {
		return "", fmt.Errorf("retire blue: %w", err)
	}
	return fmt.Sprintf("Blue: %s. Its files in %s are the final backup.", did, blue.DataDirectory), nil
}

// Tidy removes the clone's remains.
func (l *Local) Tidy(ctx context.Context) error {
	if err := l.foreign(); errors.Is(err, errForeign) {
		return nil // so there is nothing of ours
	} else if err != nil {
		return err
	}
	if err := clone.Discard(ctx, l.target()); err != nil {
		return err
	}
	return l.removeWork()
}

// makeWork makes the work directory, and writes down what was made on the way to it. Servers run in directories below it, so their
// account must be able to pass.
func (l *Local) makeWork() error {
	made, err := l.account.Mkdir(l.work())
	if err == nil {
		err = l.writeOwner()
	}
	if err == nil && len(made) > 0 {
		err = os.WriteFile(l.madeFile(), []byte(strings.Join(made, "\x00")), 0o600)
	}
	if err != nil {
		return fmt.Errorf("make the directory for the clone: %w", err)
	}
	return nil
}

func (l *Local) madeFile() string { return filepath.Join(l.work(), "made") }

// removeWork removes what is left in the work directory once clone and green have taken what is theirs out of it, and the directories
// that were made on the way to it where nothing else is in them.
func (l *Local) removeWork() error {
	content, err := os.ReadFile(l.madeFile())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the work directory: %w", err)
	}
	if err := os.RemoveAll(l.work()); err != nil {
		return fmt.Errorf("remove the work directory: %w", err)
	}
	for _, dir := range slices.Backward(strings.Split(string(content), "\x00")) {
		if dir != l.work() && os.Remove(dir) != nil {
			break // somebody uses it
		}
	}
	return nil
}
