package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// SQLState returns the five-letter code of the PostgreSQL error in err's chain, "" where there is none
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func SQLState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// Refused tells whether err is the server's answer to a statement, in a session that goes on: neither that nor its context has ended.
func Refused(conn *pgx.Conn, err error) bool { return SQLState(err) != "" && !conn.IsClosed() }
