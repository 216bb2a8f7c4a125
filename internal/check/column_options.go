package check

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
)

const columnOptionsWhy = `Columns have storage parameters, which pg_upgrade restores as they are. A new version that does not know one of them refuses the whole
table. Since the minor releases of November 2026 the server itself gives each new column one, pg_attver: from 17.12, for example, only a release of
18 that is as new can be upgraded to (tried: 18.6 refuses it).`

func columnOptions(ctx context.Context, s *Session) ([]finding.Finding, error) {
	if s.Programs.Directory == "" {
		return nil, nil
	}
	// n_distinct and n_distinct_inherited are known to every version.
	const sql = `SELECT split_part(o, '=', 1), count(*), min(format('%I.%I', nspname, relname))
		FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace CROSS JOIN unnest(attoptions) o
		WHERE c.oid >= 16384 AND nspname !~ '^pg_' AND NOT attisdropped AND o NOT LIKE 'n_distinct%' GROUP BY 1`
	type option struct {
		Name    string
		Columns int
		First   string
	}
	rows, _ := s.conn.Query(ctx, sql)
	options, err := pgx.CollectRows(rows, pgx.RowToStructByPos[option])
	if err != nil {
		return nil, err
	}
	var found []finding.Finding
	for _, o := range options {
		known, err := s.Programs.ServerKnows(o.Name)
		if err != nil {
			return nil, err
		}
		if known {
			continue
		}
		found = append(found, finding.Finding{
			Blocks: finding.Upgrade, Object: s.in("storage parameter " + o.Name),
			Reason: fmt.Sprintf("%d columns have it, those of %s for example, and the programs of PostgreSQL %d in %s do not know it: pg_upgrade would fail.",
				o.Columns, o.First, s.To, s.Programs.Directory),
			Fix: fmt.Sprintf("Install a minor release of PostgreSQL %d that is as new as blue's, %d.%d.", s.To, s.Major, s.Minor),
		})
	}
	return found, nil
}
