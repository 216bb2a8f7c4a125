package switchover

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
)

// synchronousStandbys reads how many standbys a commit waits for, and how many there are that it can wait for. "FIRST 2 (a, b)", "ANY 2 (a, b)" and
// "2 (a, b)" want two, a list alone wants one (https://www.postgresql.org/docs/current/runtime-config-replication.html).
const synchronousStandbys = `SELECT names, CASE WHEN names = '' THEN 0 ELSE coalesce(substring(names FROM '(?i)^\s*(?:first|any)?\s*(\d+)\s*\(')::int, 1) END,
	(SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))
	FROM current_setting('synchronous_standby_names') AS names`

// commitsWillNotWait sees that To has the synchronous standbys that its clients' commits wait for: a blue that has lost its own while green served,
// for example. pgteal's own sessions wait for none.
func (s *Switchover) commitsWillNotWait(ctx context.Context, ends *sessions) ([]finding.Finding, error) {
	var names string
	var wanted, there int
	if err := ends.to.QueryRow(ctx, synchronousStandbys).Scan(&names, &wanted, &there); err != nil {
		return nil, fmt.Errorf("look for the synchronous standbys of %s: %w", s.To.Server.Name, err)
	}
	if there >= wanted {
		return nil, nil
	}
	return guard("synchronous_standby_names on "+s.To.Server.Name,
		fmt.Sprintf("It is %q, and %d synchronous standbys are connected where commits wait for %d: clients' writes would hang on %s.",
			names, there, wanted, s.To.Server.Name),
		fmt.Sprintf("Start the standbys, or on %s: ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf(); "+
			"where clients commit with synchronous_commit = local or off: --force synchronous-standbys", s.To.Server.Name)), nil
}
