package green

import (
	"slices"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider"
)

// idle returns the setting that keeps pg_cron from starting jobs on green until green serves (postgres.WakeJobs). Blue runs them. On green
// their runs would be written down in a table that replication fills, and a job connects to the port that it was scheduled on: blue's.
func (g Cluster) idle(all []setting) []provider.Carried {
	libraries, _ := split(g.New.Programs, splitList(byName(all, "shared_preload_libraries").value))
	loaded := slices.Contains(libraries, "pg_cron") || slices.Contains(libraries, "$libdir/pg_cron")
	if !loaded || byName(all, postgres.JobsSetting).running == "off" {
		return nil
	}
	return []provider.Carried{{
		Name: postgres.JobsSetting, Value: postgres.JobsIdle, Reason: "until green serves: blue runs the jobs of pg_cron, and pgteal sets it to on then",
	}}
}
