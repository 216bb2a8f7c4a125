package switchover

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// sequencesHaveRoom looks for sequences on From that are nearly used up, by their own bounds or by those of the column that they feed. The
// switchover itself breaks nothing there. But until the upgrade is finished a wider column would be a schema change, which is not
// replicated: whoever has to mend it then gives up the way back.
func (s *Switchover) sequencesHaveRoom(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	for _, d := range ends.databases {
		found, err := s.usedUp(ctx, d)
		if err != nil {
			return nil, fmt.Errorf("look at the sequences of database %q: %w", d.Name, err)
		}
		findings = append(findings, found...)
	}
	return findings, nil
}

func (s *Switchover) usedUp(ctx context.Context, d *database) (findings []finding.Finding, err error) {
	now, err := d.sequences.Read(ctx)
	if err != nil {
		return nil, err
	}
	last := make(map[[2]string]int64, len(now))
	for _, sequence := range now {
		last[[2]string{sequence.Schema, sequence.Name}] = sequence.Last
	}
	bounded, err := postgres.BoundedSequences(ctx, d.from)
	if err != nil {
		return nil, err
	}
	for _, b := range bounded {
		at, known := last[[2]string{b.Schema, b.Name}]
		if !known { // made since the sequences were listed; or somebody else's temporary one
			continue
		}
		if room := b.Room(at); room.Short {
			findings = append(findings, guard(fmt.Sprintf("sequence %s in database %q", b.Quoted, d.Name),
				room.Says+" Until pgteal finish, a change of its definition or of its column is one of the schema, which would cost the way back.",
				"Give it room first: "+s.startOver()+" after "+b.Mend()+"; or, if it lasts beyond pgteal finish: --force sequence-room")...)
		}
	}
	return findings, nil
}
