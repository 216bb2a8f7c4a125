package local

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// checkPrograms compares the server that runs with the programs from which it would be started again: packages replace those under it.
func (l *Local) checkPrograms(ctx context.Context, blue *postgres.Server) ([]finding.Finding, error) {
	cluster, err := l.blueCluster()
	if err != nil || cluster.DataDirectory == "" {
		return nil, err
	}
	out, err := cluster.Command(ctx, l.account, "postgres", "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("ask %s for its version: %w", cluster.Path("postgres"), err)
	}
	_, installed, _ := strings.Cut(strings.TrimSpace(string(out)), "(PostgreSQL) ")
	database, err := blue.MaintenanceDatabase(ctx)
	if err != nil {
		return nil, err
	}
	var runs string
	err = blue.In(ctx, database, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT current_setting('server_version')`).Scan(&runs)
	})
	if err != nil || runs == installed {
		return nil, err
	}
	return []finding.Finding{{
		Check: "blue-programs", Blocks: finding.Nothing, Object: "programs of blue in " + cluster.Directory,
		Reason: fmt.Sprintf("They are of %s, blue runs %s: whoever restarts blue changes its release.", installed, runs),
		Fix:    "Restart blue when that suits you, before the upgrade.",
	}}, nil
}
