package switchover

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// slotsHold sees that From still has all that To has not taken yet.
func (s *Switchover) slotsHold(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	for _, d := range ends.databases {
		name := postgres.SlotName(d.OID)
		slot, err := postgres.FindSlot(ctx, ends.from, name)
		object := fmt.Sprintf("replication slot %q on %s", name, s.From.Server.Name)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			findings = append(findings, guard(object, "Somebody dropped it: the changes that it kept are gone.", s.startOver())...)
		case err != nil:
			return nil, fmt.Errorf("look at %s: %w", object, err)
		case slot.WALStatus == "lost":
			findings = append(findings, guard(object, "It is lost: the WAL that it needs was removed (max_slot_wal_keep_size).",
				fmt.Sprintf("On %s: ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf(); then: %s", s.From.Server.Name, s.startOver()))...)
		default:
			marked, err := postgres.SlotIsMarked(ctx, ends.from, name)
			if err != nil {
				return nil, fmt.Errorf("look at %s: %w", object, err)
			}
			if !marked {
				findings = append(findings, guard(object, "Somebody dropped it and made it again: the changes in between are gone.", s.startOver())...)
			}
		}
	}
	return findings, nil
}

// slotsHaveRoom looks how near the slots are to max_slot_wal_keep_size, at which From would give them up, and the upgrade or the way back with
// them. It speaks up when less than a quarter is left: at the pace that used up the rest, that is soon.
func (s *Switchover) slotsHaveRoom(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	var names []string
	for _, d := range ends.databases {
		names = append(names, postgres.SlotName(d.OID))
	}
	// The columns came with 13; to_jsonb asks for them without naming columns that may not be there.
	rows, _ := ends.from.Query(ctx, `SELECT slot_name, j->>'wal_status', greatest((j->>'safe_wal_size')::bigint, 0), setting::bigint * 1024 * 1024
		FROM pg_replication_slots s CROSS JOIN to_jsonb(s) j JOIN pg_settings ON name = 'max_slot_wal_keep_size'
		WHERE slot_name = ANY ($1) AND setting <> '-1' AND j->>'wal_status' <> 'lost'
		AND (j->>'wal_status' = 'unreserved' OR (j->>'safe_wal_size')::bigint < setting::bigint * 1024 * 1024 / 4) ORDER BY 1`, names)
	var name, status string
	var safe *int64
	var limit int64
	_, err = pgx.ForEachRow(rows, []any{&name, &status, &safe, &limit}, func() error {
		left := "None"
		if safe != nil && *safe > 0 {
			left = fmt.Sprintf("%d MB", *safe>>20)
		}
		findings = append(findings, guard(fmt.Sprintf("replication slot %q on %s", name, s.From.Server.Name),
			fmt.Sprintf("%s of the %d MB of max_slot_wal_keep_size is left (wal_status %s). At the limit the slot is lost, and replication with it.",
				left, limit>>20, status),
			fmt.Sprintf("On %s: ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf(); or end what holds the slot back, "+
				"such as a long transaction", s.From.Server.Name))...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look how much WAL the slots of %s may keep: %w", s.From.Server.Name, err)
	}
	return findings, nil
}
