package upgrade

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// withdraws tells whether a blue that does not serve leaves its clients' addresses. Clients with several hosts in their connection string
// take that for the sign to try the next one; a rejection by pg_hba.conf they take for an answer.
func (u *Upgrade) withdraws() bool {
	return u.config.Blue.DataDirectory != "" && slices.ContainsFunc(u.config.Routes, func(r config.Route) bool { return r.Libpq != nil })
}

// canWithdraw sees beforehand that blue could be withdrawn, and lets it write now what it would otherwise write while it is stopped for that.
func (u *Upgrade) canWithdraw(ctx context.Context) error {
	if !u.withdraws() {
		return nil
	}
	return u.onBlue(ctx, func(conn *pgx.Conn) error {
		if _, err := postgres.ReadAddresses(ctx, conn); err != nil {
			return fault.New(fault.Forbidden, err, fault.HintOf(err))
		}
		if _, err := conn.Exec(ctx, `CHECKPOINT`); err != nil {
			return fmt.Errorf("write a checkpoint: %w", err)
		}
		return nil
	})
}

// withdraw takes blue off its clients' addresses while green serves.
func (u *Upgrade) withdraw(ctx context.Context, step *progress.Step) error {
	if !u.withdraws() || u.state.serving() == blue || u.blueGone != "" {
		return nil
	}
	if u.state.Addresses == nil {
		var found postgres.Addresses
		err := u.onBlue(ctx, func(conn *pgx.Conn) (err error) {
			found, err = postgres.ReadAddresses(ctx, conn)
			return err
		})
		if err != nil {
			return err
		}
		u.state.Addresses = &found
		if err := u.note(ctx, stepSwitchover, "blue's addresses found"); err != nil {
			return err
		}
	}
	step.Now("blue leaves its clients' addresses")
	if err := u.provider.Withdraw(ctx, *u.state.Addresses, u.ownBlue); err != nil {
		return fmt.Errorf("withdraw blue from its clients' addresses: %w", err)
	}
	return u.meetBlueAgain(ctx)
}

// comeBack lets blue listen for its clients again, closed as before, so that it can serve them.
func (u *Upgrade) comeBack(ctx context.Context, step *progress.Step) error {
	if u.state.Addresses == nil {
		return nil
	}
	step.Now("blue returns to its clients' addresses")
	if err := u.provider.Return(ctx, *u.state.Addresses, u.ownBlue); err != nil {
		return fmt.Errorf("bring blue back to its clients' addresses: %w", err)
	}
	return u.meetBlueAgain(ctx)
}

// meetBlueAgain takes up blue where it listens after its restart.
func (u *Upgrade) meetBlueAgain(ctx context.Context) error {
	if err := u.reachBlue(ctx); err != nil {
		return err
	}
	return u.lockBlue(ctx)
}

// ownBlue reaches blue as pgteal's own role, wherever it listens now.
func (u *Upgrade) ownBlue(ctx context.Context) (*postgres.Server, error) {
	err := u.reachBlue(ctx)
	return u.blue(), err
}

// putAddressesBack lets blue listen where it did from its next start on.
func (u *Upgrade) putAddressesBack(ctx context.Context) error {
	if u.state.Addresses == nil {
		return nil
	}
	return u.onBlue(ctx, func(conn *pgx.Conn) error { return u.state.Addresses.PutBack(ctx, conn) })
}
