package libpq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// connectTimeout bounds a try of one host where the connection string does not. libpq itself waits as long as the system does.
const connectTimeout = 5 * time.Second

// answer is what one host says to a client.
type answer int

const (
	landed    answer = iota // the session is as the client wants it
	passed                  // libpq tries the next host
	turnedOff               // libpq gives up, whatever hosts are left
)

// cannotConnectNow is the only error of a server after which libpq tries the next host, since version 14 (PQconnectPoll in
// src/interfaces/libpq/fe-connect.c). pgconn and pgjdbc go on after more.
const cannotConnectNow = "57P03"

// land tries the hosts in their order, and returns the index of the one at which a client lands, with what each host tried had to say.
func (l *Libpq) land(ctx context.Context) (index int, said []error, err error) {
	for i, h := range l.hosts {
		answer, err := h.try(ctx)
		said = append(said, err)
		switch answer {
		case landed:
			return i, said, nil
		case turnedOff:
			return -1, said, err
		case passed:
		}
	}
	return -1, said, errors.Join(said...)
}

// try connects to the host alone, and judges the outcome as libpq does. The error says why the client did not land there.
func (h host) try(ctx context.Context) (answer, error) {
	config := h.config.Copy()
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	unwanted := false
	if wanted := config.ValidateConnect; wanted != nil {
		config.ValidateConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
			err := wanted(ctx, conn)
			unwanted = err != nil
			return err
		}
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err == nil {
		leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(leave) // nothing was written
		return landed, nil
	}
	refusal, answered := errors.AsType[*pgconn.PgError](err)
	if answered {
		err = refusal // without the tries that came to nothing
	}
	err = fmt.Errorf("%s: %w", h, err) // pgconn leaves passwords out
	switch {
	case ctx.Err() != nil:
		return turnedOff, ctx.Err()
	case unwanted, !answered, refusal.Code == cannotConnectNow:
		return passed, err
	default:
		return turnedOff, err
	}
}
