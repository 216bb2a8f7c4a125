// Package withdraw takes a fenced server off its clients' addresses and brings it back, each with one restart. Clients that know several
// hosts then go on to the next one. Role pgteal still reaches the server through its Unix socket, and what it subscribes to goes on.
package withdraw

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
)

// Server is a server on this host that is closed to clients (postgres.HBAClosed) and stays so.
type Server struct {
	Cluster pgctl.Cluster

	// Reach returns the server as role pgteal reaches it, where postmaster.pid says that it listens now.
	Reach func(ctx context.Context) (*postgres.Server, error)

	// Restart restarts the server, and starts one that does not run.
	Restart func(ctx context.Context) error
}

// Withdraw restarts the server so that it listens on none of its clients' addresses, which postgres.ReadAddresses has read before the first
// call. It may be repeated after it was cut off anywhere; a withdrawn server is not restarted.
func (s Server) Withdraw(ctx context.Context, before postgres.Addresses) error {
	return s.restart(ctx, before, true, func(conn *pgx.Conn, withdrawn bool) error {
		p, err := s.Cluster.Postmaster()
		if err != nil {
			return err
		}
		if withdrawn {
			return postgres.Withdraw(ctx, conn, p.Port)
		}
		return postgres.Withdraw(ctx, conn, freeNumber(p.SocketDirectory))
	})
}

// Return restarts a withdrawn server so that it listens where it did. It is closed to clients as before.
func (s Server) Return(ctx context.Context, before postgres.Addresses) error {
	return s.restart(ctx, before, false, func(conn *pgx.Conn, _ bool) error { return before.PutBack(ctx, conn) })
}

// restart writes with set what the server will read at its next start, also where nothing else is left to do: an earlier call in the other
// direction may have been cut off behind it. It restarts a server that does not run as wanted.
func (s Server) restart(ctx context.Context, before postgres.Addresses, wanted bool, set func(conn *pgx.Conn, withdrawn bool) error) error {
	if _, err := s.Cluster.Postmaster(); errors.Is(err, pgctl.ErrNotRunning) { // an earlier call was cut off within its restart
		if err := s.Restart(ctx); err != nil {
			return err
		}
	}
	var withdrawn bool
	err := s.in(ctx, func(conn *pgx.Conn) (err error) {
		if withdrawn, err = before.Withdrawn(ctx, conn); err != nil {
			return err
		}
		return set(conn, withdrawn)
	})
	if err != nil || withdrawn == wanted {
		return err
	}
	if err := s.Restart(ctx); err != nil {
		return err
	}
	return s.in(ctx, func(conn *pgx.Conn) error {
		withdrawn, err := before.Withdrawn(ctx, conn)
		if err == nil && withdrawn != wanted {
			err = errors.New("its restart has not changed where it listens")
		}
		return err
	})
}

func (s Server) in(ctx context.Context, do func(*pgx.Conn) error) error {
	server, err := s.Reach(ctx)
	if err != nil {
		return err
	}
	database, err := server.MaintenanceDatabase(ctx)
	if err != nil {
		return err
	}
	return server.In(ctx, database, do)
}

// freeNumber returns the highest port number under which no server has a socket or a lock in directory. Nothing listens on it as a TCP port.
func freeNumber(directory string) int {
	number := 65535
	for ; number > 1024; number-- {
		socket := filepath.Join(directory, fmt.Sprintf(".s.PGSQL.%d", number))
		_, err1 := os.Lstat(socket)
		_, err2 := os.Lstat(socket + ".lock")
		if errors.Is(err1, os.ErrNotExist) && errors.Is(err2, os.ErrNotExist) {
			break
		}
	}
	return number
}
