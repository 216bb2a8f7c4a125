package local

import (
	"context"
	"fmt"
	"strings"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider/local/clone"
)

// Actions lists what the provider will do in a step, as an operator would do it by hand.
func (l *Local) Actions(ctx context.Context, blue *postgres.Server, step string) ([]string, error) {
	source, err := l.cloneSource(ctx, blue)
	if err != nil {
		return nil, err
	}
	old, fresh := l.target().DataDirectory, l.config.Green.DataDirectory
	switch step {
	case "clone":
		return l.cloneActions(ctx, blue, source)
	case "clone LSN":
		return []string{
			"in " + old + ": recovery.signal, restore_command = 'false', recovery_target_timeline = 'current', hot_standby = off",
			source.Programs.Path("pg_ctl") + " start -D " + old + "   # on a private Unix socket, without TCP, background workers and archiving",
			"the clone LSN is the switch point in the history file of the new timeline, " + old + "/pg_wal/0000000N.history",
		}, nil
	case "upgrade":
		return []string{
			l.programs.Path("initdb") + " -D " + fresh + "   # with blue's encoding, locale, checksums and WAL segment size",
			fmt.Sprintf("%s --link -b %s -B %s -d %s -D %s", l.programs.Path("pg_upgrade"), source.Programs.Directory, l.programs.Directory, old, fresh),
		}, nil
	case "settle green":
		service, err := l.greenService(ctx)
		if err != nil {
			return nil, err
		}
		return []string{
			"blue's settings into conf.d/pgteal-carried.conf, its pg_hba.conf and pg_ident.conf, as far as the new major knows them",
			fmt.Sprintf("start green on port %d by %s, closed to clients", l.config.Green.Port, service),
		}, nil
	}
	return nil, nil
}

func (l *Local) cloneActions(ctx context.Context, blue *postgres.Server, source clone.Source) ([]string, error) {
	method, reason, err := clone.Choose(ctx, source, l.target(), l.config.Clone.Method)
	if err != nil {
		return nil, err
	}
	actions := []string{fmt.Sprintf("clone blue into %s by %s: %s", l.target().DataDirectory, method, reason)}
	if method != clone.BaseBackup {
		actions = append(actions, "on blue: SELECT pg_backup_start(...); copy; SELECT pg_backup_stop(...);")
	}
	locations, err := tablespaces(ctx, blue)
	for _, location := range locations {
		actions = append(actions, fmt.Sprintf("tablespace %s: into %s", location, l.target().Tablespaces(location)))
	}
	return actions, err
}

// greenService names what will start green.
func (l *Local) greenService(ctx context.Context) (string, error) {
	g, err := l.green()
	if err != nil {
		return "", err
	}
	service, err := l.service(ctx, g)
	if err != nil {
		return "", err
	}
	return strings.ReplaceAll(service.Kind(), "debian", "pg_ctlcluster"), nil
}
