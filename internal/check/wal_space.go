package check

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const walSpaceWhy = `While green is made, blue keeps all WAL that it writes. How long the room for it lasts is reckoned from the rate at
which blue writes now: the room that max_slot_wal_keep_size leaves, and on this host what is free on the disk of pg_wal. A full disk stops blue
(https://www.postgresql.org/docs/current/disk-full.html), and at the limit the slot is lost.`

// walSpace compares the rate at which blue writes WAL with what a slot may keep. Free space is for who knows the disk: the provider.
func walSpace(ctx context.Context, s *Session) ([]finding.Finding, error) {
	limit, ok := s.number("max_slot_wal_keep_size")
	if _, err := s.allParameters(ctx); err != nil || !ok || limit < 0 || s.begun { // once there are slots, the guardrail slot-room looks at them
		return nil, err
	}
	now, err := postgres.ReadWAL(ctx, s.conn)
	if err != nil {
		return nil, err
	}
	rate := now.Rate(s.wal)
	blocks, lasts := rate.Room(limit << 20)
	if blocks == "" {
		return nil, nil
	}
	return []finding.Finding{{
		Blocks: blocks, Object: "setting max_slot_wal_keep_size of blue",
		Reason: fmt.Sprintf("Blue writes %s of WAL. So the %d MB that a slot may keep last %s. Then the slot is lost, and prepare has to begin again.",
			rate, limit, lasts),
		Fix: s.set("max_slot_wal_keep_size", "-1", false),
	}}, nil
}
