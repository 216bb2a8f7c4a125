package switchover

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// plansMatter is the size in bytes from which a table's statistics matter: below it, any plan is quick, and autovacuum leaves many
// tables without them.
const plansMatter = 8 << 20

// maxWithoutStatistics bounds how many tables without statistics are named in a database.
const maxWithoutStatistics = 50

// withoutStatistics lists users' tables with rows for which the planner has nothing to go by: no statistics of the table itself, none of the
// tree whose root it is (autovacuum does not gather those), or none of an extended statistics object. A table that is empty as far as is
// known has none after ANALYZE either, nor one whose columns all have target 0.
const withoutStatistics = `
WITH RECURSIVE extended AS (
	SELECT stxrelid AS rel FROM pg_statistic_ext e WHERE NOT EXISTS (SELECT FROM pg_statistic_ext_data WHERE stxoid = e.oid)
		AND coalesce((to_jsonb(e)->>'stxstattarget')::int, -1) <> 0
), trees AS (
	SELECT c.oid AS root, c.oid AS rel FROM pg_class c WHERE c.oid IN (SELECT inhparent FROM pg_inherits)
		AND (c.relkind = 'p' AND c.oid IN (SELECT rel FROM extended)
			OR c.oid NOT IN (SELECT starelid FROM pg_statistic WHERE stainherit))
	UNION
	SELECT root, inhrelid FROM trees JOIN pg_inherits ON inhparent = rel
), lacking AS (
	SELECT root, rel FROM trees
	UNION
	SELECT oid, oid FROM pg_class WHERE relkind IN ('r', 'm')
		AND (oid IN (SELECT rel FROM extended) OR oid NOT IN (SELECT starelid FROM pg_statistic WHERE NOT stainherit))
), known AS (
	SELECT oid AS rel, pg_relation_size(oid) AS size FROM pg_class WHERE relkind IN ('r', 'm') AND oid >= 16384
		AND (reltuples <> 0 OR pg_stat_get_live_tuples(oid) > 0) AND oid IN (SELECT rel FROM lacking)
)
SELECT format('%I.%I', nspname, relname), sum(size)::bigint, count(*) OVER ()
FROM lacking JOIN known USING (rel) JOIN pg_class c ON c.oid = root JOIN pg_namespace n ON n.oid = relnamespace
WHERE relpersistence <> 't' AND nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'pgteal')
	AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = root AND attnum > 0 AND NOT attisdropped AND coalesce(attstattarget, -1) <> 0)
GROUP BY root, nspname, relname HAVING sum(size) >= $1 ORDER BY 2 DESC LIMIT $2`

// analyzeWithin bounds how long missing statistics are gathered in a database. Nobody waits for it.
const analyzeWithin = time.Minute

// lacking is a table without statistics.
type lacking struct {
	Table string // quoted, with its schema
	Size  int64  // bytes
	All   int64  // how many tables lack them
}

// statisticsAreThere looks for tables on To that the planner knows nothing about: their plans would be bad from the clients' first query on.
// What was filled since green was made may have none yet, so they are gathered first; what cannot be is a finding.
func (s *Switchover) statisticsAreThere(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	for _, d := range ends.databases {
		tables, err := d.withoutStatistics(ctx)
		if err == nil && len(tables) > 0 {
			s.analyze(ctx, d, tables)
			tables, err = d.withoutStatistics(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("look for tables without statistics in database %q of %s: %w", d.Name, s.To.Server.Name, err)
		}
		for _, t := range tables {
			findings = append(findings, guard(fmt.Sprintf("table %s in database %q on %s", t.Table, d.Name, s.To.Server.Name),
				fmt.Sprintf("It has %d MB and no statistics, or none of its tree or of an extended statistics object: its plans would be bad.", t.Size>>20),
				fmt.Sprintf("On %s, in database %q, as role %s: ANALYZE %s;", s.To.Server.Name, d.Name, postgres.Role, t.Table))...)
		}
		if len(tables) > 0 && tables[0].All > int64(len(tables)) {
			findings = append(findings, guard(fmt.Sprintf("%d more tables in database %q on %s", tables[0].All-int64(len(tables)), d.Name, s.To.Server.Name),
				"They have no statistics either.", fmt.Sprintf("On %s, in database %q, as role %s: ANALYZE;", s.To.Server.Name, d.Name, postgres.Role))...)
		}
	}
	return findings, nil
}

func (d *database) withoutStatistics(ctx context.Context) ([]lacking, error) {
	rows, _ := d.to.Query(ctx, withoutStatistics, int64(plansMatter), maxWithoutStatistics)
	return pgx.CollectRows(rows, pgx.RowToStructByPos[lacking])
}

// analyze gathers statistics in a session of its own, which a time-out may end. Whether it did is seen afterwards.
func (s *Switchover) analyze(ctx context.Context, d *database, tables []lacking) {
	ctx, cancel := context.WithTimeout(ctx, analyzeWithin)
	defer cancel()
	err := s.To.Server.In(ctx, d.Name, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, `SET lock_timeout = '1s'`); err != nil {
			return err
		}
		for _, t := range tables {
			s.Step.Now("gathering statistics of " + t.Table)
			_, err := conn.Exec(ctx, "ANALYZE "+t.Table)
			if err != nil && !postgres.Refused(conn, err) {
				return err
			} else if err != nil {
				s.Step.Say(fmt.Sprintf("no statistics of %s: %v", t.Table, err)) // others may have them all the same
			}
		}
		return nil
	})
	if err != nil {
		s.Step.Say(fmt.Sprintf("statistics could not be gathered: %v", err))
	}
}
