package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const sequenceRoomWhy = `A sequence that is nearly used up, by its own bounds or those of the integer column that it feeds, needs a wider type soon. From
prepare to finish that is a change of the schema, which is not replicated. The guardrail of that name forbids the switchover, unless it is forced: so
better before prepare.`

func sequenceRoom(ctx context.Context, s *Session) (findings []finding.Finding, err error) {
	sequences, err := postgres.BoundedSequences(ctx, s.conn)
	if err != nil {
		return nil, err
	}
	last, err := postgres.LastValues(ctx, s.conn, sequences)
	if err != nil {
		return nil, err
	}
	for _, b := range sequences {
		at, used := last[b.OID]
		if !used {
			continue
		}
		if room := b.Room(at); room.Short {
			findings = append(findings, finding.Finding{
				Blocks: finding.Nothing, Object: s.in("sequence " + b.Quoted),
				Reason: room.Says + " Until pgteal finish it could get no more without a change of the schema.",
				Fix: "Give it room before pgteal prepare: " + b.Mend() + "; or, if it lasts beyond pgteal finish: " +
					"pgteal switchover --force sequence-room",
			})
		}
	}
	return findings, nil
}
