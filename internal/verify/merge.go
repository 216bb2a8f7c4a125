package verify

import (
	"cmp"

	"github.com/jackc/pgx/v5"
)

// stream reads rows one by one, with a look at the next.
type stream struct {
	rows pgx.Rows
	next *listedRow
	err  error
}

// peek fetches the next row where that has not been done, and tells whether there is one.
func (s *stream) peek() bool {
	if s.next == nil && s.err == nil && s.rows.Next() {
		var row listedRow
		if s.err = s.rows.Scan(&row.key[0], &row.key[1], &row.row[0], &row.row[1], &row.name); s.err == nil {
			s.next = &row
		}
	}
	return s.next != nil
}

// take returns all rows with a key.
func (s *stream) take(key [2]int64) (rows []listedRow) {
	for s.peek() && s.next.key == key {
		rows = append(rows, *s.next)
		s.next = nil
	}
	return rows
}

// order compares two pairs of hashes as ORDER BY does.
func order(a, b [2]int64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }

// oneKey takes the rows with the smallest key from both lists and records how they differ. Usually that is one row of each side;
// where there is no key, or its index is broken, it may be many. Rows that are alike belong together; of the rest, one of each side
// makes a different row.
func (d *drill) oneKey(lists *[2]stream) {
	from, to := &lists[0], &lists[1]
	var key [2]int64
	if !to.peek() || (from.peek() && order(from.next.key, to.next.key) <= 0) {
		key = from.next.key
	} else {
		key = to.next.key
	}
	missing, extra := alone(from.take(key), to.take(key))
	for len(missing) > 0 && len(extra) > 0 {
		d.found.add(Different, missing[0].name, "", 1)
		missing, extra = missing[1:], extra[1:]
	}
	for _, row := range missing {
		d.found.add(Missing, row.name, "", 1)
	}
	for _, row := range extra {
		d.found.add(Extra, row.name, "", 1)
	}
}

// alone returns the rows of each side that have no equal on the other. Both are in order.
func alone(from, to []listedRow) (missing, extra []listedRow) {
	for len(from) > 0 && len(to) > 0 {
		switch order(from[0].row, to[0].row) {
		case 0:
			from, to = from[1:], to[1:]
		case -1:
			missing, from = append(missing, from[0]), from[1:]
		default:
			extra, to = append(extra, to[0]), to[1:]
		}
	}
	return append(missing, from...), append(extra, to...)
}
