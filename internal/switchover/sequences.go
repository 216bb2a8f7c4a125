package switchover

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
)

const (
	// sequenceRoom is the part of its values that a sequence has to have left.
	sequenceRoom = 0.01
	// shortSequence is how many values a sequence has that is there to run out or to be used once.
	shortSequence = 1000
)

// boundedSequences lists the sequences of a database that end, with the narrowest integer column that each feeds: a serial column of before 10
// has a sequence of bigint.
const boundedSequences = `
SELECT n.nspname, c.relname, format('%I.%I', n.nspname, c.relname), seqincrement, seqmin, seqmax, coalesce(fed.is, ''), fed.least, fed.greatest
FROM pg_sequence JOIN pg_class c ON c.oid = seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
	SELECT format('%s.%I of type %s', attrelid::regclass, attname, atttypid::regtype) AS is,
		CASE atttypid WHEN 'smallint'::regtype THEN -32768 ELSE -2147483648 END::bigint AS least,
		CASE atttypid WHEN 'smallint'::regtype THEN 32767 ELSE 2147483647 END::bigint AS greatest
	FROM (
		SELECT refobjid AS rel, refobjsubid AS number FROM pg_depend
			WHERE classid = 'pg_class'::regclass AND objid = seqrelid AND refclassid = 'pg_class'::regclass AND refobjsubid > 0 AND deptype IN ('a', 'i')
		UNION ALL
		SELECT adrelid, adnum FROM pg_depend JOIN pg_attrdef a ON a.oid = objid
			WHERE classid = 'pg_attrdef'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = seqrelid
	) uses JOIN pg_attribute ON attrelid = rel AND attnum = number
	WHERE atttypid IN ('smallint'::regtype, 'integer'::regtype) ORDER BY greatest, 1 LIMIT 1
) fed ON true
WHERE NOT seqcycle AND c.relpersistence <> 't'`

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
	rows, _ := d.from.Query(ctx, boundedSequences)
	var name [2]string
	var quoted, column string
	var increment, least, greatest int64
	var columnLeast, columnGreatest *int64
	_, err = pgx.ForEachRow(rows, []any{&name[0], &name[1], &quoted, &increment, &least, &greatest, &column, &columnLeast, &columnGreatest}, func() error {
		at, known := last[name]
		if !known { // made since the sequences were listed; or somebody else's temporary one
			return nil
		}
		if column != "" {
			least, greatest = max(least, *columnLeast), min(greatest, *columnGreatest)
			column = ", which feeds " + column
		}
		left, all := valuesLeft(at, increment, least, greatest)
		if all >= shortSequence && left < all*sequenceRoom {
			findings = append(findings, guard(fmt.Sprintf("sequence %s in database %q", quoted, d.Name),
				fmt.Sprintf("It has %.0f of %.0f values left%s. Until pgteal finish, a wider type is a schema change, which would cost the way back.",
					left, all, column),
				"Give it room first: "+s.startOver()+" after ALTER SEQUENCE ... AS bigint and ALTER TABLE ... ALTER COLUMN ... TYPE bigint; "+
					"or, if it lasts beyond pgteal finish: --force sequence-room")...)
		}
		return nil
	})
	return findings, err
}

// valuesLeft returns how many values a sequence can still hand out, and how many it has in all. The exact figures do not always fit an
// int64, and need not be exact.
func valuesLeft(at, increment, least, greatest int64) (left, all float64) {
	ahead, step := float64(greatest)-float64(at), float64(increment)
	if increment < 0 {
		ahead, step = float64(at)-float64(least), -step
	}
	return math.Floor(max(0, ahead/step)), math.Floor((float64(greatest) - float64(least)) / step)
}
