package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
)

// Judge holds the logs in directory against final, the cluster that serves now. The writers have to be at rest, and final to have
// taken in all that it will. Databases are those that Install was in; a log of a writer elsewhere is an error, since it could not
// be judged.
func Judge(ctx context.Context, directory string, final *postgres.Server, databases []string) (Verdict, error) {
	summary, err := Summarize(directory)
	if err != nil {
		return Verdict{}, fmt.Errorf("read the logs of the writers: %w", err)
	}
	v := Verdict{
		Summary: summary, SumsBroken: []Sum{},
		LostOperations: []string{}, DuplicatedOperations: []string{}, PhantomOperations: []string{}, HalfOperations: []string{},
	}
	byDatabase, err := logsByDatabase(directory, databases)
	if err != nil {
		return Verdict{}, err
	}
	for _, database := range databases {
		err := final.In(ctx, database, func(conn *pgx.Conn) error {
			// One snapshot for all that is compared with each other.
			options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
			return pgx.BeginTxFunc(ctx, conn, options, func(tx pgx.Tx) error {
				return v.judgeDatabase(ctx, tx, database, byDatabase[database])
			})
		})
		if err != nil {
			return Verdict{}, fmt.Errorf("judge what the writers were told: %w", err)
		}
	}
	return v, nil
}

func (v *Verdict) judgeDatabase(ctx context.Context, tx pgx.Tx, database string, names []string) error {
	// The planner knows nothing of tables that just grew; nested loops over them would take hours.
	if _, err := tx.Exec(ctx, "SET LOCAL enable_nestloop = off"); err != nil {
		return err
	}
	writers := []string{}
	taken := map[string][]taking{}
	for _, name := range names {
		writer, err := v.judgeLog(ctx, tx, name, taken)
		if err != nil {
			return err
		}
		writers = append(writers, writer)
	}
	if err := v.findStrangers(ctx, tx, writers); err != nil {
		return err
	}
	if err := v.judgeSequences(ctx, tx, database, taken); err != nil {
		return err
	}
	if err := v.judgeEffects(ctx, tx); err != nil {
		return err
	}
	return v.judgeSums(ctx, tx, database)
}

// logsByDatabase sorts the logs in directory by their writers' databases.
func logsByDatabase(directory string, databases []string) (map[string][]string, error) {
	names, err := logs(directory)
	if err != nil {
		return nil, err
	}
	byDatabase := map[string][]string{}
	for _, name := range names {
		r, err := openReader(name)
		if err != nil {
			return nil, err
		}
		first, err := r.next()
		r.close()
		if errors.Is(err, io.EOF) {
			continue // the writer died before its first line was whole
		}
		if err != nil {
			return nil, err
		}
		if first.kind != begin {
			return nil, fmt.Errorf("%s does not say whose log it is", name)
		}
		if !slices.Contains(databases, first.writer.Database) {
			return nil, fmt.Errorf("%s is the log of a writer in database %q, which is not among those to be judged",
				name, first.writer.Database)
		}
		byDatabase[first.writer.Database] = append(byDatabase[first.writer.Database], name)
	}
	return byDatabase, nil
}
