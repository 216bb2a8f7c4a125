package switchover

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// onlyReplicationWrites sees that nobody else can have written to To since the comparison, which finds whatever was written before it: To is
// closed as pgteal left it, no client is in, and apply found every row that From changed.
//
// Counters of commits or rows do not tell: autovacuum, ANALYZE and pgteal's own sessions move them too.
func (s *Switchover) onlyReplicationWrites(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	to := s.To.Server.Name
	closed, err := gateIsClosed(ctx, ends.to)
	if err != nil {
		return nil, fmt.Errorf("look at the fence of %s: %w", to, err)
	}
	if closed != "" {
		findings = append(findings, guard("the fence of "+to, closed+" So clients could write to "+to+" and not only replication.",
			fmt.Sprintf("On %s: put these lines at the head of pg_hba.conf, then ALTER ROLE ALL SET default_transaction_read_only = on; "+
				"SELECT pg_reload_conf(); then: pgteal verify\n%s", to, strings.TrimSpace(postgres.HBAClosed.Block())))...)
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

// gateIsClosed says what is wrong with the gate of the server behind conn, which pgteal closed (postgres.Server.SetGate): "" where nothing
// is. A file that was written after the server has read it is not in force; the file's time is in whole seconds.
func gateIsClosed(ctx context.Context, conn *pgx.Conn) (wrong string, err error) {
	var content []byte
	var loaded, readOnly bool
	err = conn.QueryRow(ctx, `SELECT pg_read_binary_file(file), pg_conf_load_time() >= (pg_stat_file(file)).modification,
		EXISTS (SELECT FROM pg_db_role_setting WHERE setdatabase = 0 AND setrole = 0 AND 'default_transaction_read_only=on' = ANY (setconfig))
		FROM current_setting('hba_file') file`).Scan(&content, &loaded, &readOnly)
	switch {
	case err != nil:
		return "", err
	case !bytes.HasPrefix(content, []byte(postgres.HBAClosed.Block())):
		return "Its pg_hba.conf no longer begins with the lines by which pgteal closed it.", nil
	case !loaded:
		return "Its pg_hba.conf was written after the server has read it, so another one is in force.", nil
	case !readOnly:
		return "Somebody has taken back ALTER ROLE ALL SET default_transaction_read_only = on.", nil
	}
	return "", nil
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
