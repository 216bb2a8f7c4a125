package upgrade

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// withoutStatistics lists tables for which the planner has nothing to go by, the system's included. pg_upgrade carries statistics
// over from 18 on, and never the extended ones (https://www.postgresql.org/docs/current/pgupgrade.html). A partitioned table has
// statistics of its own, which vacuumdb does not gather.
const withoutStatistics = `
SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'm', 'p') AND relpersistence <> 't' AND nspname NOT LIKE 'pg_toast%'
AND (NOT EXISTS (SELECT FROM pg_statistic WHERE starelid = c.oid)
	OR EXISTS (SELECT FROM pg_statistic_ext e WHERE stxrelid = c.oid AND NOT EXISTS (SELECT FROM pg_statistic_ext_data WHERE stxoid = e.oid))
	OR EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid) AND NOT EXISTS (SELECT FROM pg_statistic WHERE starelid = c.oid AND stainherit))
ORDER BY pg_table_size(c.oid) DESC`

// analyze gathers statistics for every table that has none, the largest first, several at a time. One that the server cannot analyze, such as the
// parent of a foreign table whose server is out of reach, is named and left: clients are closed out of green, so nobody could mend it there, and the
// guardrail statistics looks again.
func (u *Upgrade) analyze(ctx context.Context, step *progress.Step) error {
	return u.inDatabases(ctx, u.green, func(conn *pgx.Conn, d postgres.Database) error {
		rows, _ := conn.Query(ctx, withoutStatistics)
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("list tables without statistics: %w", err)
		}
		queue := make(chan string, len(tables))
		for _, table := range tables {
			queue <- table
		}
		close(queue)
		var done atomic.Int64
		group, ctx := errgroup.WithContext(ctx)
		for range min(runtime.NumCPU(), len(tables)) {
			group.Go(func() error {
				return u.green.In(ctx, d.Name, func(conn *pgx.Conn) error {
					for table := range queue {
						_, err := conn.Exec(ctx, "ANALYZE "+table)
						if err != nil && !postgres.Refused(conn, err) {
							return fmt.Errorf("analyze %s: %w", table, err)
						} else if err != nil {
							step.Say(fmt.Sprintf("no statistics of %s in database %q: %v", table, d.Name, err))
						}
						step.Count(done.Add(1), int64(len(tables)), "tables to analyze")
					}
					return nil
				})
			})
		}
		return group.Wait()
	})
}
