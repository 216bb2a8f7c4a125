package switchover

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/route"
)

// sessions are the sessions of an attempt, opened before the pause so that nothing in it waits for a connection.
type sessions struct {
	from, to  *pgx.Conn // in the maintenance databases
	databases []*database
}

// database is one database with a session on either side.
type database struct {
	postgres.Database
	from, to  *pgx.Conn
	sequences *postgres.SequenceReader // on from
	standing  *postgres.SequenceReader // on to
	shape     shape                    // of from's schema when the guardrails compared it
}

// parallel bounds how many databases are worked on at a time.
const parallel = 8

func (s *Switchover) connect(ctx context.Context) (e *sessions, err error) {
	e = &sessions{}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if e.from, err = maintenance(ctx, s.From.Server); err != nil {
		return e, err
	}
	if e.to, err = maintenance(ctx, s.To.Server); err != nil {
		return e, err
	}
	for _, d := range s.Databases {
		e.databases = append(e.databases, &database{Database: d})
	}
	return e, e.each(func(d *database) (err error) {
		if d.from, err = s.From.Server.Connect(ctx, d.Name); err == nil {
			d.to, err = s.To.Server.Connect(ctx, d.Name)
		}
		if postgres.SQLState(err) == "3D000" { // invalid_catalog_name
			return fault.New(fault.Forbidden, fmt.Errorf("a database that was there when the upgrade began is gone: %w", err),
				"Before the switchover: pgteal abort, and prepare again. After it nothing leads back without that database: pgteal finish.")
		}
		if err != nil {
			return err
		}
		if d.sequences, err = postgres.ReadSequences(ctx, s.From.Server, d.from); err == nil {
			d.standing, err = postgres.ReadSequences(ctx, s.To.Server, d.to)
		}
		return err
	})
}

func maintenance(ctx context.Context, server *postgres.Server) (*pgx.Conn, error) {
	database, err := server.MaintenanceDatabase(ctx)
	if err != nil {
		return nil, err
	}
	return server.Connect(ctx, database)
}

// each runs do for every database, several at a time, and returns the first error.
func (e *sessions) each(do func(*database) error) error {
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, d := range e.databases {
		group.Go(func() error { return do(d) })
	}
	return group.Wait()
}

func (e *sessions) close() {
	conns := []*pgx.Conn{e.from, e.to}
	for _, d := range e.databases {
		conns = append(conns, d.from, d.to)
		for _, reader := range []*postgres.SequenceReader{d.sequences, d.standing} {
			if reader != nil {
				reader.Close()
			}
		}
	}
	for _, conn := range conns {
		if conn != nil {
			postgres.Close(conn)
		}
	}
}

// eachRoute runs do for every route at once, and returns all their errors.
func (s *Switchover) eachRoute(do func(route.Route) error) error {
	failed := make([]error, len(s.Routes))
	var group errgroup.Group
	for i, r := range s.Routes {
		group.Go(func() error {
			failed[i] = do(r)
			return nil
		})
	}
	_ = group.Wait() // every route's error is in failed
	return errors.Join(failed...)
}
