package postgres

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
)

const (
	// sequenceRoom is the part of its values that a sequence has to have left.
	sequenceRoom = 0.01
	// shortSequence is how many values a sequence has that is there to run out or to be used once.
	shortSequence = 1000
)

// BoundedSequence is a sequence that ends. Its bounds are those of the narrowest integer column that it feeds, where these are narrower.
type BoundedSequence struct {
	OID                        uint32
	Schema, Name, Quoted       string // Quoted is both in SQL
	Increment, Least, Greatest int64
	Column                     string // that column and its type, "" where there is none
	Type                       string
}

// BoundedSequences lists the sequences of a database that end, with the narrowest integer column that each feeds: a serial column of before 10
// has a sequence of bigint.
func BoundedSequences(ctx context.Context, conn *pgx.Conn) ([]BoundedSequence, error) {
	rows, _ := conn.Query(ctx, `
SELECT c.oid, n.nspname, c.relname, format('%I.%I', n.nspname, c.relname), seqincrement,
	greatest(seqmin, fed.least), least(seqmax, fed.greatest), coalesce(fed.is, ''), seqtypid::regtype::text
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
WHERE NOT seqcycle AND c.relpersistence <> 't' ORDER BY 2, 3`)
	sequences, err := pgx.CollectRows(rows, pgx.RowToStructByPos[BoundedSequence])
	if err != nil {
		return nil, fmt.Errorf("list the sequences that end: %w", err)
	}
	return sequences, nil
}

// LastValues returns the last value that each of the sequences has handed out. One that was never used, or that the session's role may not read, is not
// among them. Unlike ReadSequences it opens no more sessions, and it does not tell what setval(..., false) left behind.
func LastValues(ctx context.Context, conn *pgx.Conn, sequences []BoundedSequence) (map[uint32]int64, error) {
	last := map[uint32]int64{}
	for len(sequences) > 0 {
		some := sequences[:min(len(sequences), sequencesPerRead)]
		sequences = sequences[len(some):]
		oids := make([]uint32, len(some))
		for i, s := range some {
			oids[i] = s.OID
		}
		rows, _ := conn.Query(ctx, `SELECT oid, at FROM (SELECT oid, CASE WHEN has_sequence_privilege(oid, 'SELECT, USAGE')
			THEN pg_sequence_last_value(oid) END AS at FROM pg_class WHERE oid = ANY ($1)) s WHERE at IS NOT NULL`, oids)
		var oid uint32
		var at int64
		if _, err := pgx.ForEachRow(rows, []any{&oid, &at}, func() error { last[oid] = at; return nil }); err != nil {
			return nil, fmt.Errorf("read the sequences: %w", err)
		}
	}
	return last, nil
}

// Room is what a sequence has left.
type Room struct {
	Short bool   // it will soon be used up
	Says  string // a sentence
}

// Room tells what a sequence has left that stands at a value. The exact figures do not always fit an int64, and need not be exact.
func (b BoundedSequence) Room(at int64) Room {
	left, all := b.left(at)
	feeds := ""
	if b.Column != "" {
		feeds = ", which feeds " + b.Column
	}
	return Room{Short: all >= shortSequence && left < all*sequenceRoom, Says: fmt.Sprintf("It has %.0f of %.0f values left%s.", left, all, feeds)}
}

// left returns how many values the sequence can still hand out that stands at a value, and how many it has in all.
func (b BoundedSequence) left(at int64) (left, all float64) {
	ahead, step := float64(b.Greatest)-float64(at), float64(b.Increment)
	if b.Increment < 0 {
		ahead, step = float64(at)-float64(b.Least), -step
	}
	return math.Floor(max(0, ahead/step)), math.Floor((float64(b.Greatest) - float64(b.Least)) / step)
}

// Mend is what gives the sequence room.
func (b BoundedSequence) Mend() string {
	if b.Type == "bigint" && b.Column == "" {
		return fmt.Sprintf("ALTER SEQUENCE %s with other bounds, RESTART or CYCLE, whatever those who use it can bear", b.Quoted)
	}
	return "ALTER SEQUENCE ... AS bigint and ALTER TABLE ... ALTER COLUMN ... TYPE bigint"
}
