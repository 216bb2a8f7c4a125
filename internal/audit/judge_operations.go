package audit

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
)

// operations are all rows of both ledgers.
const operations = `(SELECT writer, op, work, item, rows FROM audit.ledger
	UNION ALL SELECT writer, op, work, item, rows FROM audit.ledger_bare) operations`

// judgeLog compares a log with what the ledgers hold of its writer. Both come in the order of the operations, so neither has to
// fit into memory. The values that sequences gave are added to taken.
func (v *Verdict) judgeLog(ctx context.Context, tx pgx.Tx, name string, taken map[string][]taking) (writer string, err error) {
	r, err := openReader(name)
	if err != nil {
		return "", err
	}
	defer r.close()
	var ahead event
	logged, logErr := r.nextOperation(&ahead)
	writer = r.writer.ID

	rows, err := tx.Query(ctx, `SELECT op, count(*) FROM `+operations+` WHERE writer = $1 GROUP BY op ORDER BY op`, writer)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	for rows.Next() {
		var op, times int64
		if err := rows.Scan(&op, &times); err != nil {
			return "", err
		}
		for ; logErr == nil && logged.op < op; logged, logErr = r.nextOperation(&ahead) {
			v.compare(writer, logged, 0, taken)
		}
		if logErr == nil && logged.op == op {
			v.compare(writer, logged, times, taken)
			logged, logErr = r.nextOperation(&ahead)
		} else {
			v.phantom(operationID(writer, op) + " (never intended)")
		}
	}
	if err := rows.Err(); err != nil {
		return "", fmt.Errorf("read the ledger: %w", err)
	}
	for ; logErr == nil; logged, logErr = r.nextOperation(&ahead) {
		v.compare(writer, logged, 0, taken)
	}
	if !errors.Is(logErr, io.EOF) {
		return "", logErr
	}
	return writer, nil
}

// compare judges an operation that is so many times in the ledgers.
func (v *Verdict) compare(writer string, o operation, times int64, taken map[string][]taking) {
	v.Checked++
	id := operationID(writer, o.op)
	if o.kind == ack && times == 0 {
		v.lost(id)
	}
	if o.kind == failure && times > 0 {
		v.phantom(id + " (refused with " + o.class + ")")
	}
	if times > 1 {
		v.duplicated(id)
	}
	for _, value := range o.values {
		taken[value.sequence] = append(taken[value.sequence], taking{value: value.value, operation: id})
	}
}

// findStrangers looks for operations of writers that have no log.
func (v *Verdict) findStrangers(ctx context.Context, tx pgx.Tx, writers []string) error {
	rows, _ := tx.Query(ctx, `SELECT writer, op FROM `+operations+` WHERE writer <> ALL ($1)
		GROUP BY writer, op ORDER BY writer, op`, writers)
	var writer string
	var op int64
	_, err := pgx.ForEachRow(rows, []any{&writer, &op}, func() error {
		v.phantom(operationID(writer, op) + " (a writer without a log)")
		return nil
	})
	return err
}
