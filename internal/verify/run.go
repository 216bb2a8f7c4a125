package verify

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// Request says what to compare.
type Request struct {
	From, To  *postgres.Server // the publisher and its subscriber; both hold what postgres.SchemaSQL makes
	Databases []postgres.Database
	Jobs      int           // how many groups of tables are compared at the same time; default 2
	MaxBlock  time.Duration // how long one attempt may hold the writers of a group; default 50ms
	Patience  time.Duration // how long to try a table that cannot be locked, and to wait for an apply worker that is gone; default 30s
}

func (q Request) withDefaults() Request {
	if q.Jobs <= 0 {
		q.Jobs = 2
	}
	if q.MaxBlock <= 0 {
		q.MaxBlock = 50 * time.Millisecond
	}
	q.MaxBlock = max(q.MaxBlock, 2*time.Millisecond) // the server counts in milliseconds
	if q.Patience <= 0 {
		q.Patience = 30 * time.Second
	}
	return q
}

// Run compares every ordinary table of the databases. The comparison is exact: see the package comment.
//
// Differences are no error: they are in the report. What could not be compared, a table that some client keeps locked for one, is
// in its not_checked. An error means that the comparison as a whole could not be made, and nothing is claimed. In either case
// nothing stays behind on the servers.
func Run(ctx context.Context, request Request, step *progress.Step) (Report, error) {
	if step == nil {
		step = progress.Reporter(nil).Step("verify")
	}
	r := &run{Request: request.withDefaults(), step: step, recorder: newRecorder(), seeds: newSeeds()}
	for _, database := range r.Databases {
		step.Now("listing the tables of database " + database.Name)
		if err := r.survey(ctx, database); err != nil {
			return Report{}, err
		}
	}
	r.total = r.queue.bytes()
	jobs, ctx := errgroup.WithContext(ctx)
	for range min(r.Jobs, len(r.queue.groups)) {
		jobs.Go(func() error { return r.work(ctx) })
	}
	if err := jobs.Wait(); err != nil {
		return Report{}, err
	}
	return r.finish(), nil
}

// run is one comparison on its way.
type run struct {
	Request
	*recorder
	step  *progress.Step
	seeds seeds
	queue queue
	total int64 // bytes of all tables
}

// work compares groups of tables until none is left. It keeps its sessions from group to group.
func (r *run) work(ctx context.Context) error {
	var s *sessions
	defer func() { s.close() }()
	for {
		var near string
		if s != nil {
			near = s.database.Name
		}
		g, err := r.queue.next(ctx, near)
		if g == nil {
			return err
		}
		if s == nil || s.database != g.database || s.lost() {
			s.close()
			if s, err = r.open(ctx, g.database); err != nil {
				return err
			}
		}
		if err := r.group(ctx, s, g); err != nil {
			return fmt.Errorf("compare tables of database %q: %w", g.database.Name, err)
		}
		r.queue.done()
	}
}

// group compares the tables of a group at one point of the commit order, or puts those that must be tried again back into the
// queue.
func (r *run) group(ctx context.Context, s *sessions, g *group) error {
	files, err := r.meet(ctx, s, g)
	if err != nil {
		return r.again(ctx, s, g, err)
	}
	defer s.endSnapshots()
	shapes, err := s.describe(ctx, g.tables)
	if err != nil {
		return err
	}
	for i, t := range g.tables {
		pair := pair{database: g.database.Name, table: t, from: shapes[0][i], to: shapes[1][i], files: [2]string{files[0][i], files[1][i]}}
		verdict, err := r.compare(ctx, s, pair)
		if err != nil {
			return err
		}
		switch {
		case verdict.again && !g.since.IsZero() && time.Since(g.since) > r.Patience:
			r.unreadable(g.database, t, "it was truncated, rewritten or renamed during every attempt to read it")
		case verdict.again:
			r.queue.put(g.part([]table{t}))
			continue
		case verdict.unreadable != "":
			r.unreadable(g.database, t, verdict.unreadable)
		}
		r.advance(t)
	}
	return nil
}

// unreadable records that a table was not compared.
func (r *run) unreadable(database postgres.Database, t table, reason string) {
	r.notChecked(NotChecked{Database: database.Name, Object: "table " + t.display, Reason: reason})
}

// advance reports that a table is dealt with.
func (r *run) advance(t table) {
	r.step.Count(r.queue.settle(t.bytes), r.total, "bytes")
}
