package switchover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
)

// lookAgain is how often the fence looks for sessions that are left.
const lookAgain = time.Millisecond

// raise closes side to clients: sessions that begin from now on are turned away. Sessions that are open stay; fence ends them.
func raise(ctx context.Context, side Side, conn *pgx.Conn) error {
	return side.Server.SetGate(ctx, conn, postgres.HBAClosed, side.Fence)
}

// lower opens side to clients.
func lower(ctx context.Context, side Side, conn *pgx.Conn) error {
	return side.Server.SetGate(ctx, conn, postgres.HBAOpen, side.Fence)
}

// open opens side to clients in a session of its own.
func open(ctx context.Context, side Side) error {
	conn, err := maintenance(ctx, side.Server)
	if err != nil {
		return err
	}
	defer postgres.Close(conn)
	return lower(ctx, side, conn)
}

// fence closes From, ends the sessions that are left, and returns when a look at the server finds no client any more.
// Sessions without a transaction end at once. The others have until half of the pause is over; what happens then is configured.
func (s *Switchover) fence(ctx context.Context, ends *sessions, attempt *Attempt, began time.Time) error {
	if err := raise(ctx, Side{Server: s.From.Server, Fence: attempt.Fence}, ends.from); err != nil {
		return err
	}
	patience := began.Add(s.Limits.MaxPause / 2)
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for first := true; ; first = false {
		force := s.Limits.OpenTransactions == "end" && time.Now().After(patience)
		left, err := postgres.EndSessions(ctx, ends.from, force)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if first {
			attempt.EndedSessions = left
			attempt.waitedFor("fence", fmt.Sprintf("%d client sessions", left))
		}
		if left == 0 && err == nil {
			return s.nothingWasPrepared(ctx, ends)
		}
		if force {
			attempt.EndedOpen = max(attempt.EndedOpen, left)
		}
		select {
		case <-ctx.Done():
			return s.openTransactions(ctx)
		case <-tick.C:
		}
	}
}

// nothingWasPrepared looks for transactions that were prepared after the guardrails looked: they have no session, and would stay behind.
func (s *Switchover) nothingWasPrepared(ctx context.Context, ends *sessions) error {
	gids, err := postgres.PreparedTransactions(ctx, ends.from)
	if err == nil && len(gids) > 0 {
		err = fmt.Errorf("%d transactions are prepared and not committed, such as %q", len(gids), gids[0])
	}
	return err
}

// openTransactions names what the fence waited for in vain. The pause's own session may have gone with its time.
func (s *Switchover) openTransactions(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	conn, err := maintenance(ctx, s.From.Server)
	if err != nil {
		return fmt.Errorf("client sessions did not end: %w", err)
	}
	defer postgres.Close(conn)
	sessions, err := postgres.OpenTransactions(ctx, conn, 0)
	if err != nil {
		return fmt.Errorf("client sessions did not end: %w", err)
	}
	if len(sessions) == 0 {
		return errors.New("client sessions did not end in time")
	}
	return fmt.Errorf("%d transactions did not end, the oldest in %s", len(sessions), sessions[0])
}
