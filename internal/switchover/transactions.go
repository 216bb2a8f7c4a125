package switchover

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// nothingIsPrepared looks on both sides: on From it would stay behind, and on To its locks stop the apply worker.
func (s *Switchover) nothingIsPrepared(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	for _, side := range []struct {
		name, reason string
		conn         *pgx.Conn
	}{
		{s.From.Server.Name, "It would stay behind: a prepared transaction is replicated only once it commits.", ends.from},
		{s.To.Server.Name, "Replication makes none, so somebody else did. It holds locks for which replication has to wait.", ends.to},
	} {
		gids, err := postgres.PreparedTransactions(ctx, side.conn)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", side.name, err)
		}
		for _, gid := range gids {
			literal := postgres.Literal(gid)
			findings = append(findings, guard(fmt.Sprintf("prepared transaction %q on %s", gid, side.name), side.reason,
				fmt.Sprintf("On %s, in the database that pg_prepared_xacts names: COMMIT PREPARED %s; or ROLLBACK PREPARED %s;",
					side.name, literal, literal))...)
		}
	}
	return findings, nil
}

// noTransactionIsLong looks for transactions that are older than max_pause. On From they would outlast the pause or be ended by it; those
// that do nothing have a guardrail of their own. On To they hold locks for which replication may have to wait.
func (s *Switchover) noTransactionIsLong(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	limit := s.Limits.MaxPause
	from, err := postgres.OpenTransactions(ctx, ends.from, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.From.Server.Name, err)
	}
	for _, session := range from {
		if session.Idle <= limit {
			findings = append(findings, s.openTransaction(session, s.From.Server,
				fmt.Sprintf("Its transaction is older than max_pause (%s), so it would outlast the pause or be ended by it.", limit))...)
		}
	}
	to, err := postgres.ForeignTransactions(ctx, ends.to, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.To.Server.Name, err)
	}
	for _, session := range to {
		findings = append(findings, s.openTransaction(session, s.To.Server,
			fmt.Sprintf("Its transaction is older than max_pause (%s). Replication waits for the locks that it holds.", limit))...)
	}
	return findings, nil
}

// nobodyIdlesInTransaction looks for clients that have said nothing in their open transaction for longer than max_pause. Shorter ones are
// normal work: the fence waits for them. Nothing tells when one that long ends, so the fence would have to end it, or to give up.
func (s *Switchover) nobodyIdlesInTransaction(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	limit := s.Limits.MaxPause
	open, err := postgres.OpenTransactions(ctx, ends.from, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.From.Server.Name, err)
	}
	for _, session := range open {
		if session.Idle > limit {
			findings = append(findings, s.openTransaction(session, s.From.Server, fmt.Sprintf(
				"It has said nothing in its open transaction for %s, longer than max_pause (%s), so the fence would end it or wait in vain.",
				session.Idle.Round(time.Millisecond), limit))...)
		}
	}
	return findings, nil
}

func (s *Switchover) openTransaction(session postgres.Session, server *postgres.Server, reason string) []finding.Finding {
	return guard(fmt.Sprintf("%s on %s", session, server.Name),
		fmt.Sprintf("%s Its application is %q, its transaction began at %s.", reason, session.Application, session.Began.UTC().Format(time.RFC3339)),
		fmt.Sprintf("Wait for it, or on %s: SELECT pg_terminate_backend(%d);", server.Name, session.PID))
}
