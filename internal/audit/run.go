package audit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
)

// grace is how long an operation that is under way when its writer is told to stop may take to end.
const grace = 5 * time.Second

// messageLimit bounds the messages in the log.
const messageLimit = 300

// runner is a writer at work.
type runner struct {
	worker
	config *pgx.ConnConfig
	conn   *pgx.Conn // nil when there is none
	log    *logFile
	clock  time.Time // with a monotonic reading: times in the log never go backwards
	seen   func(Writer, event)
}

// newRunner opens the writer's log. Nothing is sent yet.
func newRunner(w Writer, seen func(Writer, event)) (*runner, error) {
	w, err := w.check()
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(w.Conninfo)
	if err != nil {
		return nil, fmt.Errorf("read the connection string of writer %s: %w", w.ID, err)
	}
	config.Database = w.Database
	config.ConnectTimeout = w.Timeout
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // no prepared statements: poolers hand every transaction to another session
	config.RuntimeParams["application_name"] = "audit " + w.ID
	log, err := openLog(w)
	if err != nil {
		return nil, fmt.Errorf("open the log of writer %s: %w", w.ID, err)
	}
	return &runner{worker: worker{Writer: w}, config: config, log: log, clock: time.Now(), seen: seen}, nil
}

// run does one operation after the other until ctx is over. It goes on through every error of the server, and ends only when it
// cannot keep its log.
func (r *runner) run(ctx context.Context) (err error) {
	defer func() {
		r.disconnect()
		if closed := r.log.close(); err == nil {
			err = closed
		}
	}()
	for op := r.log.next; ctx.Err() == nil; op++ {
		acknowledged, err := r.operation(ctx, op)
		if err != nil {
			return err
		}
		pause := r.Think
		if !acknowledged {
			pause = max(pause, r.Retry)
		}
		wait(ctx, pause)
	}
	return nil
}

// operation does operation op, between two lines of the log.
func (r *runner) operation(ctx context.Context, op int64) (acknowledged bool, err error) {
	if err := r.log.write(event{kind: intent, op: op, at: r.now()}); err != nil {
		return false, err
	}
	begun := r.now()
	a, committing, failed := r.attempt(ctx, op)
	e := event{kind: ack, op: op, at: r.now(), server: a.server, values: a.values}
	e.latency = e.at.Sub(begun)
	if failed != nil {
		e.kind, e.class, e.message = outcome(failed, committing), class(failed), failed.Error()
		e.message = e.message[:min(len(e.message), messageLimit)]
	}
	if err := r.log.write(e); err != nil {
		return false, err
	}
	r.seen(r.Writer, e)
	if failed != nil {
		r.forget()
		if e.kind == unknown || r.conn != nil && r.conn.IsClosed() {
			r.disconnect()
		}
	}
	return failed == nil, nil
}

// attempt connects if it has to, and does the operation. It outlives ctx by grace, since an operation that is cut off is an error
// that nobody but us made.
func (r *runner) attempt(ctx context.Context, op int64) (a answer, committing bool, err error) {
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Timeout)
	defer cancel()
	over := context.AfterFunc(ctx, func() {
		wait(patient, grace)
		cancel()
	})
	defer over()
	if r.conn == nil {
		if r.conn, err = pgx.ConnectConfig(patient, r.config); err != nil {
			r.conn = nil
			return a, false, err
		}
	}
	return r.do(patient, r.conn, op)
}

func (r *runner) disconnect() {
	if r.conn != nil {
		postgres.Close(r.conn)
		r.conn = nil
	}
}

func (r *runner) now() time.Time { return r.clock.Add(time.Since(r.clock)) }

// wait waits for d, or until ctx is over.
func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// operationID names an operation.
func operationID(writer string, op int64) string { return writer + "/" + strconv.FormatInt(op, 10) }
