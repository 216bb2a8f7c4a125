package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// stepRepair marks repairs in the journal. It is no step of the plan: abort takes repairs back with the step check, finish on both clusters.
const stepRepair = "repair"

// repairSQL keeps a repair from standing in clients' way: who waits for a lock on a table has everybody behind him.
const repairSQL = `SET lock_timeout = '100ms'`

// repairPatience is how long a repair tries to get its lock, time and again.
const repairPatience = 5 * time.Second

// Repair makes changes on blue that mend findings, and returns those that it made. How each is taken back is in the journal before any is made;
// what the server has refused is not in it afterwards. One that fails does not keep the others from being made.
func (u *Upgrade) Repair(ctx context.Context, repairs []finding.Repair) (made []finding.Repair, err error) {
	if u.state.serving() == green || u.state.Outcome == outcomeFinished {
		return nil, fault.New(fault.Forbidden, fmt.Errorf("the upgrade %q has already been switched over", u.state.Name), "See pgteal status.")
	}
	if err := ctx.Err(); err != nil || len(repairs) == 0 {
		return nil, err
	}
	before := slices.Clone(u.state.Repairs)
	if !u.state.begun(stepCheck) {
		u.state.Steps[stepCheck] = StepState{Begun: time.Now()}
	}
	u.state.Repairs = append(u.state.Repairs, repairs...)
	if err := u.note(ctx, stepRepair, eventBegun); err != nil {
		return nil, err
	}
	u.state.Repairs = before
	var failed []error
	err = u.repairEach(ctx, u.blue(), repairs, func(_ *pgx.Conn, r finding.Repair) (string, error) { return r.SQL, nil }, func(r finding.Repair, err error) {
		if err != nil {
			failed = append(failed, err)
		} else {
			made = append(made, r)
		}
		if err == nil || postgres.SQLState(err) == "" { // a connection that was lost does not say what has been done
			u.state.Repairs = append(u.state.Repairs, r)
		}
	})
	if err := errors.Join(err, u.note(ctx, stepRepair, eventDone)); err != nil {
		return made, err
	}
	if len(failed) > 0 {
		return made, fault.WithHint(errors.Join(failed...), "Mend the causes, and run pgteal check --fix again.")
	}
	return made, nil
}

// repairEach runs the statement that each repair comes to, "" for none, in one session a database and in the repairs' order there.
func (u *Upgrade) repairEach(ctx context.Context, server *postgres.Server, repairs []finding.Repair,
	statement func(*pgx.Conn, finding.Repair) (string, error), ended func(finding.Repair, error),
) error {
	var databases []string
	for _, r := range repairs {
		if !slices.Contains(databases, r.Database) {
			databases = append(databases, r.Database)
		}
	}
	for _, database := range databases {
		err := inDatabase(ctx, server, database, func(conn *pgx.Conn) error {
			if err := postgres.Quiet(ctx, conn); err != nil {
				return err
			}
			if _, err := conn.Exec(ctx, repairSQL); err != nil {
				return err
			}
			for _, r := range repairs {
				if r.Database == database {
					sql, err := statement(conn, r)
					if err == nil && sql != "" {
						err = repair(ctx, conn, sql)
					}
					ended(r, err)
				}
			}
			return nil
		})
		for _, r := range repairs { // none of them has begun
			if err != nil && r.Database == database {
				ended(r, err)
			}
		}
	}
	return ctx.Err()
}

// repair runs one statement, and tries again where it does not get a lock.
func repair(ctx context.Context, conn *pgx.Conn, statement string) error {
	for until := time.Now().Add(repairPatience); ; {
		_, err := conn.Exec(ctx, statement)
		if err == nil {
			return nil
		}
		if postgres.SQLState(err) != "55P03" || time.Now().After(until) { // lock_not_available
			return fmt.Errorf("%s: %w", statement, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// inDatabase runs do in a database of server, "" for the maintenance database.
func inDatabase(ctx context.Context, server *postgres.Server, database string, do func(*pgx.Conn) error) error {
	if database == "" {
		return on(ctx, server, do)
	}
	return server.In(ctx, database, do)
}

// uncheck takes the repairs back that were made after a check, and removes what a rehearsal that was killed has left.
func (u *Upgrade) uncheck(ctx context.Context, step *progress.Step) error {
	if err := u.provider.Discard(ctx); err != nil {
		return err
	}
	if len(u.state.Repairs) == 0 {
		return nil
	}
	server, err := u.operatorOnBlue(ctx) // pgteal's role, as which this process has reached blue, has gone with the step publish
	if err != nil {
		return err
	}
	return u.takeRepairsBack(ctx, server, step)
}

// takeRepairsBack undoes what Repair did, the last change first, on blue or on green, which has it from blue but for settings. What somebody has
// changed since, or needs by now, stays as it is, and is named.
func (u *Upgrade) takeRepairsBack(ctx context.Context, server *postgres.Server, step *progress.Step) error {
	repairs := slices.Clone(u.state.Repairs)
	slices.Reverse(repairs)
	if server.Name == green {
		repairs = slices.DeleteFunc(repairs, func(r finding.Repair) bool { return r.Restart })
	}
	var failed []error
	err := u.repairEach(ctx, server, repairs, func(conn *pgx.Conn, r finding.Repair) (undo string, err error) {
		err = conn.QueryRow(ctx, r.TakeBack).Scan(&undo)
		if errors.Is(err, pgx.ErrNoRows) {
			step.Say(fmt.Sprintf("left on %s as it is: taken back before, or changed or needed by somebody since: %s", server.Name, r.SQL))
			return "", nil
		}
		return undo, err
	}, func(r finding.Repair, err error) {
		switch {
		case postgres.SQLState(err) == "3D000": // invalid_catalog_name
			step.Say(fmt.Sprintf("left on %s as it is: there is no database %q any more to take this back in: %s", server.Name, r.Database, r.SQL))
		case err != nil:
			failed = append(failed, fmt.Errorf("take a repair back on %s: %w", server.Name, err))
		}
	})
	return errors.Join(append(failed, err)...)
}
