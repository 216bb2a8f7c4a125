package audit

import (
	"context"
	"errors"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgteal/pgteal/internal/postgres"
)

// outcome says what an error means for the operation. Before its commit was asked for, it certainly did not commit: a server
// whose client is gone rolls back. From then on it certainly did not only where the server says ERROR. FATAL is no such answer: a
// server that ends the session, or a pooler that lost the server, may do so after the commit. Nor is pgconn.SafeToRetry one: in
// pgx 5.12 it holds for the "conn closed" of a COMMIT that was sent and whose answer was cut off (MultiResultReader.NextResult
// drops the first error, and asks the closed connection again).
func outcome(err error, committing bool) kind {
	if !committing || errors.Is(err, pgx.ErrTxCommitRollback) || errors.Is(err, pgx.ErrNoRows) {
		return failure
	}
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return unknown
	}
	severity := refused.SeverityUnlocalized
	if severity == "" { // a pooler's own error, or a server before 9.6
		severity = refused.Severity
	}
	switch refused.Code {
	case "40003", "08007": // statement completion unknown, transaction resolution unknown
		return unknown
	}
	if severity == "ERROR" {
		return failure
	}
	return unknown
}

// class names the class of an error in one word: its SQLSTATE, or what happened to the connection.
func class(err error) string {
	var timeout net.Error
	switch {
	case postgres.SQLState(err) != "":
		return postgres.SQLState(err)
	case errors.Is(err, pgx.ErrNoRows):
		return "missing" // the row that the statement was to change is not there
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return "rollback" // the server rolled back where it was told to commit
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return "connect"
	}
	return "connection"
}
