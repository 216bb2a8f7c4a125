package upgrade

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// unlink ends what a cluster has to do with the other one: its subscriptions with their password, and its slots.
func (u *Upgrade) unlink(ctx context.Context, server *postgres.Server) error {
	err := u.inDatabasesLeft(ctx, server, func(conn *pgx.Conn, d postgres.Database) error {
		return postgres.DropSubscriptions(ctx, conn, postgres.SlotName(d.OID))
	})
	if err != nil {
		return err
	}
	if err := u.dropSlots(ctx, server); err != nil {
		return err
	}
	return on(ctx, server, func(conn *pgx.Conn) error { return postgres.RemoveSecret(ctx, conn) })
}

// finish removes everything that pgteal made and retires blue.
func (u *Upgrade) finish(ctx context.Context, step *progress.Step) error {
	if u.state.BlueKept == "" {
		kept, err := u.retireBlue(ctx, step)
		if err != nil {
			return err
		}
		u.state.BlueKept = kept
		if err := u.note(ctx, stepFinish, "blue retired"); err != nil {
			return err
		}
	}
	step.Say(u.state.BlueKept)
	if !u.state.GreenTidied { // afterwards what it takes to reach green as pgteal is gone
		if err := u.tidyGreen(ctx, step); err != nil && !loggedOut(err) {
			return err
		}
		u.state.GreenTidied = true
		if err := u.note(ctx, stepFinish, "green tidied"); err != nil {
			return err
		}
	}
	for _, r := range u.routes {
		if err := r.Forget(); err != nil {
			return err
		}
	}
	if err := u.provider.Tidy(ctx); err != nil {
		return err
	}
	u.state.Outcome = outcomeFinished
	return nil
}

// tidyGreen leaves green as if it had always been there. pgteal's role goes last: without it everything else is gone, too.
func (u *Upgrade) tidyGreen(ctx context.Context, step *progress.Step) error {
	if err := u.meetGreen(ctx, step); err != nil {
		return err
	}
	if err := u.unlink(ctx, u.green); err != nil {
		return err
	}
	// A table that is published has to keep its replica identity.
	if err := u.unpublishAll(ctx, u.green); err != nil {
		return err
	}
	if err := u.takeRepairsBack(ctx, u.green, step); err != nil {
		return err
	}
	return u.removeTraces(ctx, u.green, u.operatorOnGreen, true)
}

// retireBlue stops blue where the provider can. Its files are put back as they were before that, with the fence still up in the server's
// memory, so that it starts as an ordinary cluster should anybody start it again. A blue that goes on running stays fenced.
func (u *Upgrade) retireBlue(ctx context.Context, step *progress.Step) (kept string, err error) {
	unlinked := errors.Join(u.unlink(ctx, u.blue()), u.takeRepairsBack(ctx, u.blue(), step), u.putAddressesBack(ctx))
	if whyNot := u.provider.Retires(); whyNot != "" {
		if u.blueGone != "" {
			return whyNot + " It cannot be reached, so what pgteal made in it is still there: " + u.blueGone, nil
		}
		if unlinked == nil { // whoever makes it an ordinary cluster again has to get in
			unlinked = u.onBlue(ctx, func(conn *pgx.Conn) error { return u.state.fence(blue).PutBackLogins(ctx, conn) })
		}
		if unlinked != nil {
			return "", unlinked
		}
		if u.managed() {
			return whyNot + " It is closed to clients: only the owners of its databases may connect, who can let in everybody else.", nil
		}
		return whyNot + " It is closed to clients by the block at the head of its pg_hba.conf.", nil
	}
	cleaned := unlinked
	if cleaned == nil {
		cleaned = u.removeTraces(ctx, u.blue(), u.operatorOnBlue, false)
	}
	kept, err = u.provider.Retire(ctx, step)
	if cleaned != nil && !loggedOut(cleaned) { // a blue that lets pgteal's role in no more was cleaned by an earlier run
		kept += fmt.Sprintf(" What pgteal made in it is still there: %v.", cleaned)
	}
	return kept, err
}

// loggedOut tells that pgteal's role may no longer connect: an earlier run removed it.
func loggedOut(err error) bool {
	code := postgres.SQLState(err)
	return code == "28000" || code == "28P01" // invalid_authorization_specification, invalid_password
}

func (u *Upgrade) finishActions(context.Context, []postgres.Database) ([]string, error) {
	return []string{
		"on green, in each database: DROP PUBLICATION pgteal; DROP SCHEMA pgteal CASCADE;",
		"on green: DROP ROLE pgteal; and pg_hba.conf without pgteal's block",
		"on blue: DROP what pgteal made; then stop it; its files stay where they are",
	}, nil
}
