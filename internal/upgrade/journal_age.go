package upgrade

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/switchover"
)

// A journal that was put back from a backup, or lost its last entries, may say that one cluster serves while it is the other one. Whoever believed it
// would remove the one that serves. The servers tell: a cluster that serves is not closed to clients, unless an attempt has not come to its end.

// blueServes is an error where the journal says that blue serves, and blue is closed.
func (u *Upgrade) blueServes(ctx context.Context) error {
	if u.state.serving() != blue || u.state.Outcome != "" || !u.state.begun(stepPublish) || u.attemptIsOpen() {
		return nil
	}
	return u.serves(ctx, u.blue())
}

// greenServes is an error where the journal says that green serves, and green is closed.
func (u *Upgrade) greenServes(ctx context.Context, step *progress.Step) error {
	if u.state.BlueKept != "" { // blue is gone already
		return nil
	}
	if err := u.meetGreen(ctx, step); err != nil {
		return err
	}
	return u.serves(ctx, u.green)
}

// attemptIsOpen tells whether an attempt was begun that has neither been backed out of nor come through.
func (u *Upgrade) attemptIsOpen() bool {
	last := u.state.lastAttempt()
	return last != nil && (last.Outcome == switchover.Fencing || last.Outcome == switchover.Committed)
}

func (u *Upgrade) serves(ctx context.Context, server *postgres.Server) error {
	var wrong string
	err := on(ctx, server, func(conn *pgx.Conn) (err error) {
		wrong, _, err = postgres.GateIsClosed(ctx, conn)
		return err
	})
	if err != nil || wrong != "" {
		return err
	}
	return fault.New(fault.Unknown,
		fmt.Errorf("%s serves by the journal in %s, and is closed to clients: the journal is older than what has happened", server.Name, u.config.State()),
		fmt.Sprintf("Nothing was changed. See whether %s serves, and put the newest journal back. Where there is none, go on by hand: "+
			"\"Opening a fenced cluster by hand\" in docs/troubleshooting.md.", other(server.Name)))
}
