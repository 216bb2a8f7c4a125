package switchover

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// onlyReplicationWrites sees that nobody else can have written to To since the comparison, which finds whatever was written before it: To is
// closed as pgteal left it, no client is in, and apply found every row that From changed.
//
// Counters of commits or rows do not tell: autovacuum, ANALYZE and pgteal's own sessions move them too.
func (s *Switchover) onlyReplicationWrites(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	to := s.To.Server.Name
	wrong, mend, err := postgres.GateIsClosed(ctx, ends.to)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", to, err)
	}
	if wrong != "" {
		findings = append(findings, guard("the fence of "+to, wrong+" So clients could write to "+to+" and not only replication.",
			"On "+to+", as role "+postgres.Role+": "+mend+"\nThen: pgteal verify")...)
	}
	clients, err := postgres.Clients(ctx, ends.to)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", to, err)
	}
	for _, c := range clients {
		findings = append(findings, guard(fmt.Sprintf("process %d of user %q in database %q on %s", c.PID, c.User, c.Database, to),
			fmt.Sprintf("A client, application %q, is connected to %s, which is closed: it can write there.", c.Application, to),
			fmt.Sprintf("On %s: SELECT pg_terminate_backend(%d); then: pgteal verify", to, c.PID))...)
	}
	for _, d := range ends.databases {
		found, err := s.applyFoundItsRows(ctx, d)
		if err != nil {
			return nil, fmt.Errorf("database %q: %w", d.Name, err)
		}
		findings = append(findings, found...)
	}
	return findings, nil
}

// applyFoundItsRows asks To what became of the rows that From updated and deleted. Where one is not there, or was written by somebody else,
// apply goes on without an error. The statistics came with 18
// (https://www.postgresql.org/docs/current/logical-replication-conflicts.html); those of origins take track_commit_timestamp.
func (s *Switchover) applyFoundItsRows(ctx context.Context, d *database) ([]finding.Finding, error) {
	major, err := postgres.Major(ctx, d.to)
	if err != nil || major < 18 {
		return nil, err
	}
	var missing, foreign int64
	var oid uint32
	err = d.to.QueryRow(ctx, `SELECT coalesce(sum(confl_update_missing + confl_delete_missing), 0)::bigint,
		coalesce(sum(confl_update_origin_differs + confl_delete_origin_differs), 0)::bigint, coalesce(max(subid::bigint), 0)
		FROM pg_stat_subscription_stats WHERE subname = $1`, postgres.SlotName(d.OID)).Scan(&missing, &foreign, &oid)
	if err != nil || missing+foreign == 0 {
		return nil, err
	}
	return guard(fmt.Sprintf("database %q on %s", d.Name, s.To.Server.Name),
		fmt.Sprintf("Replication found %d rows missing, and %d that somebody else had written: %s was written to.", missing, foreign, s.To.Server.Name),
		fmt.Sprintf("pgteal verify names the rows that differ. Where there are none, on %s: SELECT pg_stat_reset_subscription_stats(%d);",
			s.To.Server.Name, oid)), nil
}
