package local

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider/local/green"
)

// Rehearse tries the upgrade beside green's data directory: that file system is to take green, so it has the room.
func (l *Local) Rehearse(ctx context.Context, blue *postgres.Server, schema bool, step *progress.Step) ([]finding.Finding, error) {
	const check = "pg-upgrade"
	cluster, err := l.blueCluster()
	switch {
	case cluster.DataDirectory == "" && err == nil:
		return []finding.Finding{{
			Check: check, Blocks: finding.Nothing, Object: "blue",
			Reason: "pg_upgrade --check was not tried: it needs blue's data directory on this host.",
			Fix:    "Nothing: pgteal's own checks ask for what pg_upgrade refuses.",
		}}, nil
	case err != nil:
		return []finding.Finding{{ //nolint:nilerr // the finding says it
			Check: check, Blocks: finding.Nothing, Object: "blue",
			Reason: "pg_upgrade --check was not tried: " + err.Error() + ".", Fix: "Name the directory of blue's own programs in blue.bin_directory.",
		}}, nil
	}
	if found := l.checkDirectory(); found != nil {
		return nil, nil // Check says it
	}
	r := l.rehearsal()
	r.Blue, r.Server, r.Schema = cluster, blue, schema
	return r.Run(ctx, step)
}

func (l *Local) rehearsal() green.Rehearsal {
	return green.Rehearsal{Blue: pgctl.Cluster{Account: l.account}, New: l.programs, Directory: l.config.Green.DataDirectory + ".rehearsal"}
}
