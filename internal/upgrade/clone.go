package upgrade

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// clone has the provider clone blue.
func (u *Upgrade) clone(ctx context.Context, step *progress.Step) error {
	u.state.GreenDirectory = u.config.Green.DataDirectory
	if err := u.note(ctx, stepClone, eventFound); err != nil { // what is made there has to be found again
		return err
	}
	clone, err := u.provider.Clone(ctx, u.blue(), step)
	if err != nil {
		return err
	}
	u.state.Clone = &clone
	return nil
}

// cloneLSN finds the clone LSN and proves it: slot LSN <= clone LSN <= blue's flush LSN, and the clone has each slot's marker.
// A transaction that committed before it is in the clone, every other one comes through the slot.
func (u *Upgrade) cloneLSN(ctx context.Context, step *progress.Step) error {
	clone, lsn, err := u.provider.StartClone(ctx, step)
	if err != nil {
		return err
	}
	if u.managed() { // what pgteal made is its own role's to read
		clone = u.asRole(clone)
	}
	var flushed postgres.LSN
	err = u.onBlue(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT pg_current_wal_flush_lsn()`).Scan(&flushed)
	})
	if err != nil {
		return err
	}
	if lsn > flushed {
		return fmt.Errorf("the clone LSN %s lies after blue's flush LSN %s: this is not a clone of blue", lsn, flushed)
	}
	for slot, begins := range u.state.SlotLSNs {
		if begins > lsn {
			return fmt.Errorf("slot %q begins at %s, after the clone LSN %s", slot, begins, lsn)
		}
	}
	err = u.inDatabases(ctx, clone, func(conn *pgx.Conn, d postgres.Database) error {
		there, err := postgres.HasMarker(ctx, conn, u.state.Markers[d.Name])
		if err == nil && !there {
			err = fault.New(fault.Failed, fmt.Errorf("the clone is older than slot %q: the marker written after it is missing", postgres.SlotName(d.OID)),
				"pgteal abort, and prepare again.")
		}
		return err
	})
	if err != nil {
		return err
	}
	u.state.CloneLSN = lsn
	step.Say("clone LSN " + lsn.String())
	return nil
}

// clean drops what the clone inherited: subscriptions would fetch what blue fetches, and prepared transactions keep pg_upgrade from
// running. The publication stays: it is for the way back.
// The slots decode prepared transactions whole when they commit, so that nothing is lost with them here.
func (u *Upgrade) clean(ctx context.Context, step *progress.Step) error {
	clone, err := u.startedClone(ctx, step)
	if err != nil {
		return err
	}
	var slots []string
	err = u.inDatabases(ctx, clone, func(conn *pgx.Conn, _ postgres.Database) error {
		if err := postgres.DropSubscriptions(ctx, conn, ""); err != nil {
			return err
		}
		if err := rollbackPrepared(ctx, conn); err != nil {
			return err
		}
		rows, _ := conn.Query(ctx, `SELECT slot_name FROM pg_replication_slots`)
		slots, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err == nil && u.managed() {
		err = u.closeClone(ctx, clone)
	}
	if err != nil || len(slots) == 0 {
		return err
	}
	return u.inDatabases(ctx, clone, func(conn *pgx.Conn, _ postgres.Database) error {
		for _, slot := range slots {
			if err := postgres.DropSlot(ctx, conn, slot); err != nil {
				return err
			}
		}
		return nil
	})
}

// rollbackPrepared rolls the prepared transactions of the current database back: only a session there can.
func rollbackPrepared(ctx context.Context, conn *pgx.Conn) error {
	rows, _ := conn.Query(ctx, `SELECT gid FROM pg_prepared_xacts WHERE database = current_database()`)
	gids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list prepared transactions: %w", err)
	}
	for _, gid := range gids {
		if _, err := conn.Exec(ctx, "ROLLBACK PREPARED "+postgres.Literal(gid)); err != nil {
			return fmt.Errorf("roll back prepared transaction %q: %w", gid, err)
		}
	}
	return nil
}

// discard removes clone and green. Their replication ends with them.
func (u *Upgrade) discard(ctx context.Context, _ *progress.Step) error {
	if err := u.provider.Discard(ctx); err != nil {
		return err
	}
	u.state.GreenDirectory = ""
	return nil
}

func (u *Upgrade) cleanActions(context.Context, []postgres.Database) ([]string, error) {
	return []string{
		"on the clone, in each database: ALTER SUBSCRIPTION ... DISABLE; ALTER SUBSCRIPTION ... SET (slot_name = NONE); DROP SUBSCRIPTION ...;",
		"on the clone, in each database: ROLLBACK PREPARED ...;",
		"on the clone: SELECT pg_drop_replication_slot(...);",
	}, nil
}

func providerActions(step string) func(*Upgrade, context.Context, []postgres.Database) ([]string, error) {
	return func(u *Upgrade, ctx context.Context, _ []postgres.Database) ([]string, error) {
		return u.provider.Actions(ctx, u.blue(), step)
	}
}
