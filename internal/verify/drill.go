package verify

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Bounds of the search for differing rows, for each side. What they keep in memory is some 10 MB.
const (
	bucketBits = 16      // a pass over a table sorts its rows into at most 2^16 buckets
	candidates = 250_000 // so many rows are looked at one by one
)

// findings collects the differences of one table, which count only when the table is known to have been read as it was at the
// snapshot.
type findings struct {
	database, table string
	named           []Difference
	count           int64
	lowerBound      bool
}

func (f *findings) add(kind Kind, key, detail string, count int64) {
	f.count += count
	if len(f.named) < DifferencesCap {
		f.named = append(f.named, Difference{Database: f.database, Table: f.table, Key: key, Kind: kind, Detail: detail})
	}
}

func (f *findings) record(r *recorder) {
	if f.lowerBound {
		r.lowerBound()
	}
	rest := f.count - int64(len(f.named))
	for i, d := range f.named {
		count := int64(1)
		if i == len(f.named)-1 {
			count += rest
		}
		r.differs(d, count)
	}
}

// drill finds the rows in which the two sides of a table differ. Rows are put into buckets by a hash of their key; buckets whose
// totals agree are out of the race, the others are divided further, until few enough rows are left to be looked at one by one.
type drill struct {
	run      *run
	sessions *sessions
	pair     pair
	found    *findings
}

// bucket is one bucket: how many rows each side has in it.
type bucket struct {
	number int64
	rows   [2]int64
}

func (d *drill) down(ctx context.Context, rows int64) error {
	width := min(bucketBits, bits.Len64(uint64(rows)/8)) //nolint:gosec // counts are not negative
	buckets, err := d.divide(ctx, nil, 0, width)
	for err == nil && volume(buckets) > candidates {
		more := bucketBits - bits.Len(uint(len(buckets)))
		if more < 1 || width+more > 60 {
			break
		}
		buckets, err = d.divide(ctx, buckets, width, width+more)
		width += more
	}
	if err != nil {
		return err
	}
	return d.list(ctx, d.affordable(buckets), width)
}

// volume returns how many rows of either side are in buckets.
func volume(buckets []bucket) (rows int64) {
	for _, b := range buckets {
		rows += max(b.rows[0], b.rows[1])
	}
	return rows
}

// affordable returns the buckets whose rows can be looked at one by one, the small ones first. Of the others it is known only that
// they differ.
func (d *drill) affordable(buckets []bucket) []bucket {
	slices.SortFunc(buckets, func(a, b bucket) int { return int(max(a.rows[0], a.rows[1]) - max(b.rows[0], b.rows[1])) })
	var rows int64
	for i, b := range buckets {
		if rows += max(b.rows[0], b.rows[1]); rows <= candidates {
			continue
		}
		for _, b := range buckets[i:] {
			d.found.lowerBound = true
			d.found.add(Different, "", fmt.Sprintf("in a part of the table with %d rows on %s and %d on %s, too many to name them",
				b.rows[0], d.run.From.Name, b.rows[1], d.run.To.Name), max(1, b.rows[0]-b.rows[1], b.rows[1]-b.rows[0]))
		}
		return buckets[:i]
	}
	return buckets
}

// divide divides the rows in buckets of the given width, all rows where buckets is nil, into buckets of a larger width, and returns
// those that differ.
func (d *drill) divide(ctx context.Context, buckets []bucket, width, larger int) ([]bucket, error) {
	query := fmt.Sprintf(`SELECT k & %d, count(*), sum(%s)::text, sum(%s)::text
		FROM (SELECT %s AS k, %s AS t FROM ONLY %s AS x %s OFFSET 0) AS y GROUP BY 1`,
		mask(larger), hash("t", d.run.seeds.row1), hash("t", d.run.seeds.row2),
		d.keyHash(d.run.seeds.key1), d.pair.from.rowText(), d.pair.table.ident(), d.within(buckets, width))
	var sides [2]map[int64]totals
	err := d.sessions.both(ctx, func(ctx context.Context, side int, conn *pgx.Conn) error {
		sides[side] = map[int64]totals{}
		rows, _ := conn.Query(ctx, query, arguments(buckets)...)
		var number int64
		var t totals
		_, err := pgx.ForEachRow(rows, []any{&number, &t.rows, &t.sum1, &t.sum2}, func() error {
			sides[side][number] = t
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	differing := []bucket{}
	for number, from := range sides[0] {
		if to := sides[1][number]; from != to {
			differing = append(differing, bucket{number, [2]int64{from.rows, to.rows}})
		}
		delete(sides[1], number)
	}
	for number, to := range sides[1] {
		differing = append(differing, bucket{number, [2]int64{0, to.rows}})
	}
	return differing, nil
}

func mask(width int) int64 { return 1<<width - 1 }

func (d *drill) keyHash(seed int64) string { return hash(d.pair.from.keyText(), seed) }

// within returns the join that keeps to the rows in buckets.
func (d *drill) within(buckets []bucket, width int) string {
	if buckets == nil {
		return ""
	}
	return fmt.Sprintf("JOIN unnest($1::bigint[]) AS b(number) ON b.number = %s & %d", d.keyHash(d.run.seeds.key1), mask(width))
}

func arguments(buckets []bucket) []any {
	if buckets == nil {
		return []any{pgx.QueryExecModeExec}
	}
	numbers := make([]int64, len(buckets))
	for i, b := range buckets {
		numbers[i] = b.number
	}
	return []any{pgx.QueryExecModeExec, numbers}
}

// listedRow is one row in a list: the hashes of its key and of all of it, and how to name it.
type listedRow struct {
	key, row [2]int64
	name     string
}

// list goes through the rows of both sides in buckets, in the order of their keys' hashes, and records those that are not on both.
func (d *drill) list(ctx context.Context, buckets []bucket, width int) error {
	if len(buckets) == 0 {
		return nil
	}
	seeds, shape := d.run.seeds, d.pair.from
	query := fmt.Sprintf("SELECT %s, %s, %s, %s, %s FROM ONLY %s AS x %s ORDER BY 1, 2, 3, 4",
		d.keyHash(seeds.key1), d.keyHash(seeds.key2), hash(shape.rowText(), seeds.row1), hash(shape.rowText(), seeds.row2),
		shape.keyName(), d.pair.table.ident(), d.within(buckets, width))
	var lists [2]stream
	err := d.sessions.both(ctx, func(_ context.Context, side int, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, query, arguments(buckets)...) // read after this returns, so under the outer context
		lists[side].rows = rows
		return err
	})
	defer func() {
		for _, list := range lists {
			if list.rows != nil {
				list.rows.Close()
			}
		}
	}()
	if err != nil {
		return err
	}
	for lists[0].peek() || lists[1].peek() {
		d.oneKey(&lists)
	}
	for side := range lists {
		lists[side].rows.Close()
		if err := errors.Join(lists[side].err, lists[side].rows.Err()); err != nil {
			return &sideError{side: d.sessions.side(side), cause: err}
		}
	}
	return nil
}
