package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// A slot that somebody drops and makes again under its old name looks like the one that was there, and the changes in between are gone. The server
// gives slots no identity. So a file of pgteal's lies in the slot's directory: the server removes that with the slot, whatever is in it
// (ReplicationSlotDropPtr() in src/backend/replication/slot.c), reads only its own files there, and keeps the directory through crashes. Neither
// base backups nor the clone take it along. In a cloud there are no files to be had, and so no mark.

// slotMark is the SQL for the mark's path, below the data directory, of the slot with the name $1.
const slotMark = `'pg_replslot/' || $1::text || '/pgteal'`

// MarkSlot marks a slot as the one that pgteal made.
func MarkSlot(ctx context.Context, conn *pgx.Conn, name string) error {
	if !isSuperuser(conn) {
		return nil
	}
	var copyTo string
	err := conn.QueryRow(ctx, `SELECT format('COPY (SELECT 1) TO %L', current_setting('data_directory') || '/' || `+slotMark+`)`, name).Scan(&copyTo)
	if err == nil {
		_, err = conn.Exec(ctx, copyTo)
	}
	if err != nil {
		return fmt.Errorf("mark slot %q as pgteal's: %w", name, err)
	}
	return nil
}

// SlotIsMarked tells whether a slot is still the one that pgteal made.
func SlotIsMarked(ctx context.Context, conn *pgx.Conn, name string) (marked bool, err error) {
	if !isSuperuser(conn) {
		return true, nil
	}
	err = conn.QueryRow(ctx, `SELECT (pg_stat_file(`+slotMark+`, true)).size IS NOT NULL`, name).Scan(&marked)
	if err != nil {
		return false, fmt.Errorf("look for the mark of slot %q: %w", name, err)
	}
	return marked, nil
}
