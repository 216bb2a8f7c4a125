package verify

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgteal/pgteal/internal/postgres"
)

// pair is one table on both sides, From first.
type pair struct {
	database string
	table    table
	from, to shape
	files    [2]string // file numbers at the snapshots
}

// verdict says what became of a table.
type verdict struct {
	again      bool   // it changed in a way that snapshots do not show: to be compared at another point
	unreadable string // why it could not be read; "" if it could
}

// totals stand for all rows of a table, in whatever order.
type totals struct {
	rows       int64
	sum1, sum2 string // sums of 64-bit hashes, which PostgreSQL adds up without overflow
}

// seeds make the four hash functions of one run.
type seeds struct{ row1, row2, key1, key2 int64 }

// newSeeds draws seeds, so that rows which happened to collide in one run will not in the next.
func newSeeds() seeds {
	var b [32]byte
	rand.Read(b[:]) // never fails
	n := func(i int) int64 { return int64(binary.NativeEndian.Uint64(b[8*i:]) >> 1) }
	return seeds{n(0), n(1), n(2), n(3)}
}

// hash returns the expression for the 64-bit hash of a text expression.
func hash(text string, seed int64) string {
	return "hashtextextended(" + text + ", " + strconv.FormatInt(seed, 10) + ")"
}

// compare compares a table in the snapshots of the readers, and records what it finds.
func (r *run) compare(ctx context.Context, s *sessions, p pair) (verdict, error) {
	switch {
	case p.files[1] == "0" && !p.to.exists:
	case !p.from.exists || !p.to.exists:
		return verdict{again: true}, nil // it was there when the snapshots were taken
	}
	if told := differ(p.from, p.to, r.From.Name, r.To.Name); told != "" {
		r.differs(Difference{Database: p.database, Table: p.table.display, Kind: Schema, Detail: told}, 1)
		return verdict{}, nil
	}
	if err := s.both(ctx, func(ctx context.Context, _ int, conn *pgx.Conn) error {
		return exec(ctx, conn, "SAVEPOINT one_table")
	}); err != nil {
		return verdict{}, err
	}
	findings, rows, err := r.findDifferences(ctx, s, p)
	if err == nil {
		err = s.both(ctx, func(ctx context.Context, side int, conn *pgx.Conn) error {
			return stillThere(ctx, conn, p.table, p.files[side])
		})
	}
	if ctx.Err() != nil {
		return verdict{}, err
	}
	// This releases the locks on the table.
	if back := s.both(ctx, func(ctx context.Context, _ int, conn *pgx.Conn) error {
		return exec(ctx, conn, "ROLLBACK TO SAVEPOINT one_table; RELEASE SAVEPOINT one_table")
	}); back != nil {
		if err == nil {
			err = back
		}
		return verdict{}, err
	}
	if err != nil {
		return judge(err)
	}
	r.compared(rows)
	findings.record(r.recorder)
	return verdict{}, nil
}

// findDifferences compares the totals of a table and, where they differ, looks for the rows. It returns how many rows From has.
func (r *run) findDifferences(ctx context.Context, s *sessions, p pair) (*findings, int64, error) {
	query := fmt.Sprintf(`SELECT count(*), coalesce(sum(%s), 0)::text, coalesce(sum(%s), 0)::text
		FROM (SELECT %s AS t FROM ONLY %s AS x OFFSET 0) AS y`, // OFFSET keeps the text from being made twice

		hash("t", r.seeds.row1), hash("t", r.seeds.row2), p.from.rowText(), p.table.ident())
	var sums [2]totals
	err := s.both(ctx, func(ctx context.Context, side int, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, query, pgx.QueryExecModeExec).Scan(&sums[side].rows, &sums[side].sum1, &sums[side].sum2)
	})
	if err != nil {
		return nil, 0, err
	}
	found := &findings{database: p.database, table: p.table.display}
	if sums[0] == sums[1] {
		return found, sums[0].rows, nil
	}
	d := drill{run: r, sessions: s, pair: p, found: found}
	return found, sums[0].rows, d.down(ctx, max(sums[0].rows, sums[1].rows))
}

// changedError says that a table is no longer the one that the snapshot shows.
type changedError struct{ table string }

func (e *changedError) Error() string {
	return "table " + e.table + " was truncated, rewritten or renamed since the snapshot"
}

// stillThere looks whether a table that was just read, and is still locked by that, has the file that it had at the snapshot.
func stillThere(ctx context.Context, conn *pgx.Conn, t table, file string) error {
	results, err := script(ctx, conn, fileNumbers([]table{t}))
	if err != nil {
		return err
	}
	if column(results[0].Rows)[0] != file {
		return &changedError{table: t.display}
	}
	return nil
}

// sideError is an error that a server met.
type sideError struct {
	side  string
	cause error
}

func (e *sideError) Error() string { return e.side + ": " + e.cause.Error() }
func (e *sideError) Unwrap() error { return e.cause }

// both does the same on both sides at the same time.
func (s *sessions) both(ctx context.Context, do func(context.Context, int, *pgx.Conn) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var both errgroup.Group
	for side, conn := range s.readers {
		both.Go(func() error {
			if err := do(ctx, side, conn); err != nil {
				if conn.IsClosed() {
					cancel() // otherwise the other side's session can go on
				}
				return &sideError{side: s.side(side), cause: err}
			}
			return nil
		})
	}
	return both.Wait()
}

// judge tells what an error in reading one table means: that it must be tried again, that it cannot be read, or, where it is not
// about the table, that the comparison is over.
func judge(err error) (verdict, error) {
	if changed := (*changedError)(nil); errors.As(err, &changed) {
		return verdict{again: true}, nil
	}
	switch state := postgres.SQLState(err); {
	case state == "42P01", state == "42703", state == "55P03", // undefined_table, undefined_column, lock_not_available
		strings.HasPrefix(state, "40"): // deadlock_detected
		return verdict{again: true}, nil
	case state == "", strings.HasPrefix(state, "57"), strings.HasPrefix(state, "53"): // the session, an operator, or resources
		return verdict{}, err
	}
	return verdict{unreadable: "it could not be read on " + err.Error()}, nil
}
