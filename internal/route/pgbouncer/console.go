package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// console is one session of the admin console. It speaks the simple protocol on the bare connection because pgconn, when it gives
// up on a query, sends a cancel request behind our back: PgBouncer takes that for a RESUME of everything, whenever it arrives
// (admin_handle_cancel in src/admin.c).
type console struct {
	conn     net.Conn
	frontend *pgproto3.Frontend
	version  string // `1.24.1/bouncer`
	broken   bool   // an answer is missing; the session is of no more use
}

// openConsole opens a session.
func openConsole(ctx context.Context, config *pgconn.Config) (*console, error) {
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err // pgconn leaves passwords out
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		return nil, err
	}
	return &console{conn: hijacked.Conn, frontend: hijacked.Frontend, version: hijacked.ParameterStatuses["server_version"]}, nil
}

// row is one row of an answer, by its columns' names: their number and order change between versions.
type row map[string]string

// query runs one command of the console. When ctx ends first, the session is broken and the command may have been done or not.
func (c *console) query(ctx context.Context, command string) ([]row, error) {
	if c.broken {
		return nil, net.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) }) // a deadline that is past ends reads and writes
	rows, err := c.exchange(command)
	if !stop() || err != nil && !isRefusal(err) {
		c.broken = true
	}
	if c.broken && err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	return rows, nil
}

func (c *console) exchange(command string) ([]row, error) {
	c.frontend.Send(&pgproto3.Query{String: command})
	if err := c.frontend.Flush(); err != nil {
		return nil, err
	}
	var columns []string
	var rows []row
	var refusal error
	for {
		message, err := c.frontend.Receive()
		if err != nil {
			return nil, err
		}
		switch message := message.(type) {
		case *pgproto3.RowDescription:
			for _, field := range message.Fields {
				columns = append(columns, string(field.Name))
			}
		case *pgproto3.DataRow:
			r := row{}
			for i, value := range message.Values {
				r[columns[i]] = string(value) // NULL becomes ""
			}
			rows = append(rows, r)
		case *pgproto3.ErrorResponse:
			refusal = pgconn.ErrorResponseToPgError(message)
		case *pgproto3.ReadyForQuery:
			return rows, refusal
		}
	}
}

// close ends the session.
func (c *console) close() {
	if !c.broken {
		_ = c.conn.SetDeadline(time.Now().Add(time.Second))
		c.frontend.Send(&pgproto3.Terminate{})
		_ = c.frontend.Flush() // a farewell that nobody may hear
	}
	c.broken = true
	_ = c.conn.Close() // nothing is left to be written
}

// isRefusal tells whether PgBouncer itself answered with an error.
func isRefusal(err error) bool {
	_, ok := errors.AsType[*pgconn.PgError](err)
	return ok
}

// refused tells whether PgBouncer answered with an error that holds words. It has no error codes of its own.
func refused(err error, words string) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.Contains(e.Message, words)
}

var bareName = regexp.MustCompile(`^[0-9A-Za-z_]+$`)

// longestArgument is the longest argument of a console command, with its quotes (admin_parse_query in src/admin.c).
const longestArgument = 63

// argument quotes a database's name for the console, which reads names as they are, in any case, and needs no quotes for
// plain ones. Those leave room for two more characters.
func argument(name string) string {
	if bareName.MatchString(name) {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
