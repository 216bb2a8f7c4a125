package postgres

import (
	"errors"

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
