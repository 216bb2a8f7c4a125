package verify

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgteal/pgteal/internal/postgres"
)

// lockError says that the locks on a group could not be had, or not be held long enough. From is well, another attempt may succeed.
type lockError struct{ cause error }

func (e *lockError) Error() string { return "hold the writers: " + e.cause.Error() }
func (e *lockError) Unwrap() error { return e.cause }

// errOutOfTurn says that a parallel apply worker came to the barrier before its turn.
var errOutOfTurn = errors.New("a parallel apply worker met the barrier out of turn")

// meet puts the readers of both sides into snapshots that show the same state of a group's tables, as the package comment explains.
// It returns the file numbers of the tables in these snapshots. On error neither side is in a transaction, and no lock is held.
func (r *run) meet(ctx context.Context, s *sessions, g *group) (files [2][]string, err error) {
	if err := s.ready(ctx); err != nil {
		return files, err
	}
	id := newBarrier()
	to := s.readers[1]
	if err := exec(ctx, to, idleSession(10*time.Second+r.MaxBlock)+fmt.Sprintf("SELECT pg_advisory_lock(%d)", id)); err != nil {
		return files, fmt.Errorf("set up the barrier on %s: %w", r.To.Name, err)
	}
	defer func() {
		if err != nil {
			s.endSnapshots()
			s.lift(id) // whether or not the row was committed, nobody may wait for it
		}
	}()
	absent := time.Now() // the apply worker is not at the barrier yet
	if files[0], err = r.hold(ctx, s, g, id); err != nil {
		return files, err
	}
	if err := r.clear(ctx, s, id); err != nil {
		return files, err
	}
	if absent, err = r.arrive(ctx, s, id, absent); err != nil {
		return files, err
	}
	// The snapshot and the release go in one message, so that the apply worker stands still for no round trip more.
	results, err := script(ctx, to, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "+fileNumbers(g.tables)+
		fmt.Sprintf("; SELECT pg_advisory_unlock(%d)", id))
	if err != nil {
		return files, fmt.Errorf("take the snapshot on %s: %w", r.To.Name, err)
	}
	r.stopped(time.Since(absent))
	files[1] = column(results[1].Rows)
	return files, nil
}

// hold holds the writers of a group while From's reader takes its snapshot and the barrier row is committed: steps 2 to 4.
func (r *run) hold(ctx context.Context, s *sessions, g *group, id int64) (files []string, err error) {
	reader := s.readers[0]
	// BEGIN takes no snapshot: the first statement after it does.
	if err := exec(ctx, reader, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		return nil, fmt.Errorf("begin on %s: %w", r.From.Name, err)
	}
	if err := exec(ctx, s.holder, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"); err != nil {
		return nil, r.heldBack(ctx, s, err)
	}
	begun := time.Now()
	err = exec(ctx, s.holder, lockTables(g.tables))
	if err == nil {
		var results []*pgconn.Result
		if results, err = script(ctx, reader, fileNumbers(g.tables)); err != nil {
			s.release()
			r.blocked(time.Since(begun))
			return nil, fmt.Errorf("take the snapshot on %s: %w", r.From.Name, err)
		}
		files = column(results[0].Rows)
		err = exec(ctx, s.holder, fmt.Sprintf("INSERT INTO pgteal.barrier (id) VALUES (%d); COMMIT", id))
	}
	r.blocked(time.Since(begun)) // to the answer, so this is more than it was
	if err != nil {
		s.release()
		return nil, r.heldBack(ctx, s, err)
	}
	return files, nil
}

// heldBack makes a lockError of what the holder's session met, unless the whole comparison is to end.
func (r *run) heldBack(ctx context.Context, s *sessions, err error) error {
	if ctx.Err() != nil || s.readers[0].IsClosed() {
		return err
	}
	return &lockError{cause: err}
}

// release ends the holder's transaction, and its session where that does not work.
func (s *sessions) release() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.holder.IsClosed() || exec(ctx, s.holder, "ROLLBACK") != nil {
		postgres.Close(s.holder)
	}
}

// clear puts the barrier's commit record on disk, from where the walsender takes it, and removes the row on both sides: its work is
// done by arriving. Neither waits for a standby, which would keep the snapshots from being used.
func (r *run) clear(ctx context.Context, s *sessions, id int64) error {
	err := exec(ctx, s.holder, fmt.Sprintf(`BEGIN; SET LOCAL synchronous_commit = local; SET LOCAL statement_timeout = 0;
		DELETE FROM pgteal.barrier WHERE id = %d; COMMIT`, id))
	if err != nil {
		return r.heldBack(ctx, s, err)
	}
	return nil
}

// lift lets the apply worker pass, by ending the session where that is what it takes.
func (s *sessions) lift(id int64) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	to := s.readers[1]
	if to.IsClosed() || exec(ctx, to, fmt.Sprintf("SELECT pg_advisory_unlock(%d)", id)) != nil {
		postgres.Close(to)
	}
}

// newBarrier returns the number of a new barrier, positive and random: two comparisons may run at the same time.
func newBarrier() int64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return int64(binary.NativeEndian.Uint64(b[:]) >> 1)
}

// lockTables holds the writers of tables and nobody else. ONLY spares the children, which are in groups of their own.
func lockTables(tables []table) string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = "ONLY " + t.ident()
	}
	return "LOCK TABLE " + strings.Join(names, ", ") + " IN SHARE MODE"
}

// fileNumbers returns the query for the file number of each table, in their order; 0 where there is no such table. The functions
// look at the present, not at the snapshot, and take no lock.
func fileNumbers(tables []table) string {
	return "SELECT coalesce(pg_relation_filenode(to_regclass(u.name)), 0) FROM unnest(" + nameArray(tables) +
		") WITH ORDINALITY AS u(name, n) ORDER BY u.n"
}

// nameArray returns the tables' names as an SQL array.
func nameArray(tables []table) string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = postgres.Literal(t.ident())
	}
	return "ARRAY[" + strings.Join(names, ",") + "]::text[]"
}

// column returns the only column of rows.
func column(rows [][][]byte) []string {
	values := make([]string, len(rows))
	for i, row := range rows {
		values[i] = string(row[0])
	}
	return values
}

// waiter returns the process that waits at barrier id, 0 where none does yet, and whether it is the leader apply worker.
func waiter(ctx context.Context, conn *pgx.Conn, id int64) (pid int32, leader bool, err error) {
	err = conn.QueryRow(ctx, `
		SELECT l.pid, s.pid IS NOT NULL AND s.relid IS NULL AND to_jsonb(s) ->> 'leader_pid' IS NULL
		FROM pg_locks l LEFT JOIN pg_stat_subscription s ON s.pid = l.pid
		WHERE l.locktype = 'advisory' AND NOT l.granted AND l.classid = $1 AND l.objid = $2 AND l.objsubid = 1
		LIMIT 1`, uint32(id>>32), uint32(id&0xffffffff)).Scan(&pid, &leader) //nolint:gosec // the halves of a 64-bit key
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	return pid, leader, err
}
