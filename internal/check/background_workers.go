package check

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const backgroundWorkersWhy = `Libraries in shared_preload_libraries start background workers. Green loads them too, where they are installed for it. What such a
worker writes on green while green follows blue makes the two differ, or stops replication; what it does elsewhere is done twice.`

// backgroundWorkersSQL leaves out the server's own processes, those of contrib/pg_prewarm, which
// change nothing, and those of pg_cron, which green keeps idle.
const backgroundWorkersSQL = `SELECT backend_type, count(*) FROM pg_stat_activity
	WHERE backend_type NOT IN ` + postgres.ServerProcesses + ` AND backend_type !~ '^(logical replication|autoprewarm|pg_cron)'
	GROUP BY backend_type`

func backgroundWorkers(ctx context.Context, s *Session) ([]finding.Finding, error) {
	type worker struct {
		Type  string
		Count int64
	}
	found, err := find(ctx, s, backgroundWorkersSQL, nil, func(w worker) finding.Finding {
		return finding.Finding{
			Blocks: finding.Nothing, Object: fmt.Sprintf("background worker %q of blue", w.Type),
			Reason: "A library in shared_preload_libraries runs it. Where that is installed for the new version, it runs on green too, while green " +
				"follows blue.",
			Fix: "See in its documentation what keeps it idle, and set that on blue before pgteal prepare: green takes it over. Or take its library out of " +
				"shared_preload_libraries for the upgrade.",
		}
	})
	if s.settings["autovacuum"].Value == "off" {
		found = append(found, s.setting(finding.Finding{
			Blocks: finding.Nothing, Object: "setting autovacuum of blue",
			Reason: "It is off, and will be on green: nothing there removes what replication leaves behind or keeps statistics up to date.",
		}, "autovacuum", "on", false))
	}
	return found, err
}
