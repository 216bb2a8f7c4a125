package audit

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/jackc/pgx/v5"
)

// answer is what the server said of an operation that committed.
type answer struct {
	server int
	values []value
}

// worker does the operations of one writer.
type worker struct {
	Writer
	rows int   // of Single: how many rows were begun
	item int64 // of Single: the row that the next operation changes; 0 for a new one
	turn int   // of Single: how often that row was changed
}

// ledger is the ledger for an operation: see schemaSQL.
func ledger(op int64) string {
	if op%2 == 1 {
		return "audit.ledger_bare"
	}
	return "audit.ledger"
}

// do does operation op. Committing tells whether its commit had been asked for when it failed.
func (w *worker) do(ctx context.Context, conn *pgx.Conn, op int64) (a answer, committing bool, err error) {
	switch w.Work {
	case Single:
		a, err = w.single(ctx, conn, op)
		return a, true, err
	case Sequence:
		a, err = w.sequence(ctx, conn, op)
		return a, true, err
	case Transfer:
		return inTransaction(ctx, conn, func(tx pgx.Tx) (answer, error) { return w.transfer(ctx, tx, op) })
	case Large:
		return inTransaction(ctx, conn, func(tx pgx.Tx) (answer, error) { return w.large(ctx, tx, op) })
	default:
		err = conn.QueryRow(ctx, `INSERT INTO `+ledger(op)+` (writer, op, work) VALUES ($1, $2, 'heartbeat') RETURNING served_by`,
			w.ID, op).Scan(&a.server)
		return a, true, err
	}
}

func inTransaction(ctx context.Context, conn *pgx.Conn, do func(pgx.Tx) (answer, error)) (a answer, committing bool, err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return a, false, err
	}
	if a, err = do(tx); err != nil {
		_ = tx.Rollback(ctx) // whatever it says, the transaction will not commit
		return a, false, err
	}
	return a, true, tx.Commit(ctx)
}

// single inserts a row, changes it twice and deletes it, an operation each; every fourth row stays. No two operations on a row
// are ever under way at once: after an error the row is left alone (see forget).
func (w *worker) single(ctx context.Context, conn *pgx.Conn, op int64) (a answer, err error) {
	item, what, statement := w.item, "update", `UPDATE audit.item SET op = $2, note = note || '.' WHERE writer = $1 AND item = $3`
	switch {
	case item == 0:
		w.rows++
		item, what, statement = op, "insert", `INSERT INTO audit.item (writer, op, item, note) VALUES ($1, $2, $3, 'new')`
	case w.turn == 3:
		what, statement = "delete", `DELETE FROM audit.item WHERE writer = $1 AND op < $2 AND item = $3`
	}
	err = conn.QueryRow(ctx, `WITH done AS (`+statement+` RETURNING 1)
		INSERT INTO `+ledger(op)+` (writer, op, work, item) SELECT $1, $2, $4, $3 FROM done RETURNING served_by`,
		w.ID, op, item, what).Scan(&a.server)
	if w.item, w.turn = item, w.turn+1; w.turn > 3 || (w.turn == 3 && w.rows%4 == 0) {
		w.forget()
	}
	return a, err
}

// forget makes the next Single operation begin with a new row.
func (w *worker) forget() { w.item, w.turn = 0, 0 }

// sequence takes values of sequences: a serial column's with a primary key, or an identity column's and a descending sequence's
// without one. The values go to the log.
func (w *worker) sequence(ctx context.Context, conn *pgx.Conn, op int64) (a answer, err error) {
	if op%2 == 0 {
		var id int64
		err = conn.QueryRow(ctx, `WITH done AS (INSERT INTO audit.ticket (writer, op) VALUES ($1, $2) RETURNING id)
			INSERT INTO `+ledger(op)+` (writer, op, work) SELECT $1, $2, 'ticket' FROM done
			RETURNING served_by, (SELECT id FROM done)`, w.ID, op).Scan(&a.server, &id)
		a.values = []value{{"ticket", id}}
		return a, err
	}
	var id, countdown int64
	err = conn.QueryRow(ctx, `WITH done AS (INSERT INTO audit.slip (writer, op) VALUES ($1, $2) RETURNING id, countdown)
		INSERT INTO `+ledger(op)+` (writer, op, work) SELECT $1, $2, 'slip' FROM done
		RETURNING served_by, (SELECT id FROM done), (SELECT countdown FROM done)`, w.ID, op).Scan(&a.server, &id, &countdown)
	a.values = []value{{"slip", id}, {"countdown", countdown}}
	return a, err
}

// transfer moves an amount between two accounts. It locks them in the order of their numbers, so transfers do not deadlock.
func (w *worker) transfer(ctx context.Context, tx pgx.Tx, op int64) (a answer, err error) {
	first := 1 + rand.IntN(accounts-1)                //nolint:gosec // it keeps no secret
	second := first + 1 + rand.IntN(accounts-first)   //nolint:gosec // likewise
	amount := int64(rand.IntN(2*opening+1) - opening) //nolint:gosec // likewise
	move := `UPDATE audit.account SET balance = balance + $2 WHERE id = $1`
	if _, err = tx.Exec(ctx, move, first, -amount); err != nil {
		return a, err
	}
	if _, err = tx.Exec(ctx, move, second, amount); err != nil {
		return a, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO audit.entry (writer, op, account, amount) VALUES ($1, $2, $3, $5::bigint), ($1, $2, $4, $6::bigint)`,
		w.ID, op, first, second, -amount, amount)
	if err != nil {
		return a, err
	}
	err = tx.QueryRow(ctx, `INSERT INTO `+ledger(op)+` (writer, op, work) VALUES ($1, $2, 'transfer') RETURNING served_by`,
		w.ID, op).Scan(&a.server)
	return a, err
}

// large writes many rows in one transaction.
func (w *worker) large(ctx context.Context, tx pgx.Tx, op int64) (a answer, err error) {
	written, err := tx.Exec(ctx, `INSERT INTO audit.bulk (writer, op, line, filling)
		SELECT $1, $2, line, repeat('x', 50) FROM generate_series(1, $3::integer) line`, w.ID, op, w.Rows)
	if err != nil {
		return a, err
	}
	if written.RowsAffected() != int64(w.Rows) {
		return a, fmt.Errorf("the server says that it wrote %d rows of %d", written.RowsAffected(), w.Rows)
	}
	err = tx.QueryRow(ctx, `INSERT INTO `+ledger(op)+` (writer, op, work, rows) VALUES ($1, $2, 'large', $3) RETURNING served_by`,
		w.ID, op, w.Rows).Scan(&a.server)
	return a, err
}
