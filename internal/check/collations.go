package check

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
)

const collationsWhy = `An index is built with the order that libc or ICU had then. Blue records their versions; where the library has another one now, blue's
own indexes may miss rows or hold duplicates (https://www.postgresql.org/docs/current/collation.html#COLLATION-MANAGING). Green takes
them over as they are: what pgteal rebuilds there are indexes that green's host sorts in another way than blue's host today.`

// usedCollationsSQL is the query for the collations that indexes of a database are ordered by, with these indexes. Oid 100 is the database's default.
const usedCollationsSQL = `used AS (
	SELECT x.coll, array_agg(format('%I.%I', n.nspname, c.relname) ORDER BY c.oid) AS indexes
	FROM (SELECT DISTINCT i.indexrelid, u.coll FROM pg_index i CROSS JOIN unnest(i.indcollation) u(coll)
		WHERE i.indexrelid >= 16384 AND u.coll <> 0) x
	JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind = 'i' AND n.nspname !~ '^pg_(toast|temp_)' GROUP BY x.coll)`

// outdated is a collation whose library has another version than when it was recorded.
type outdated struct {
	Name             string // "" for the database's default
	Recorded, Actual string
	Indexes          []string
}

func collations(ctx context.Context, s *Session) ([]finding.Finding, error) {
	sql := `WITH ` + usedCollationsSQL + ` SELECT format('%I.%I', n.nspname, l.collname), l.collversion, pg_collation_actual_version(l.oid), u.indexes
		FROM used u JOIN pg_collation l ON l.oid = u.coll JOIN pg_namespace n ON n.oid = l.collnamespace
		WHERE l.collversion <> pg_collation_actual_version(l.oid)`
	if s.Major >= 15 { // which brought versions of databases
		sql += ` UNION ALL SELECT '', d.datcollversion, pg_database_collation_actual_version(d.oid), coalesce((SELECT indexes FROM used WHERE coll = 100), '{}')
			FROM pg_database d WHERE d.datname = current_database() AND d.datcollversion <> pg_database_collation_actual_version(d.oid)`
	}
	found, err := find(ctx, s, sql, nil, s.outdated)
	if err != nil {
		return nil, err
	}
	missing, err := s.missingCollations(ctx)
	return append(found, missing...), err
}

func (s *Session) outdated(o outdated) finding.Finding {
	object, refresh := s.in("collation "+o.Name), "ALTER COLLATION "+o.Name+" REFRESH VERSION;"
	if o.Name == "" {
		object, refresh = "default collation of database "+s.Database, "ALTER DATABASE "+s.Database+" REFRESH COLLATION VERSION;"
	}
	reindex := "REINDEX INDEX CONCURRENTLY"
	if s.Major < 12 { // which brought CONCURRENTLY
		reindex = "REINDEX INDEX"
	}
	f := finding.Finding{
		Blocks: finding.Nothing, Object: object,
		Reason: fmt.Sprintf("Version %s is recorded, the library has %s. No index is ordered by it.", o.Recorded, o.Actual),
		Fix:    refresh,
	}
	const named = 20 // beyond it the query helps more
	if len(o.Indexes) > 0 {
		f.Reason = fmt.Sprintf("%d indexes are ordered by it, such as %s. It was recorded with version %s, and the library has %s: those built before "+
			"may be wrong, on blue already, and would be on green.", len(o.Indexes), o.Indexes[0], o.Recorded, o.Actual)
	}
	switch {
	case len(o.Indexes) > named:
		f.Fix = fmt.Sprintf("REINDEX DATABASE %s %s", s.Database+";", refresh)
		if s.Major >= 12 {
			f.Fix = fmt.Sprintf("REINDEX DATABASE CONCURRENTLY %s; %s", s.Database, refresh)
		}
	case len(o.Indexes) > 0:
		f.Fix = reindex + " " + strings.Join(o.Indexes, "; "+reindex+" ") + "; " + refresh
	}
	return f
}

// missingCollations finds collations that somebody made, and whose locale green's host does not have.
func (s *Session) missingCollations(ctx context.Context) ([]finding.Finding, error) {
	if s.Programs.Directory == "" {
		return nil, nil
	}
	type collation struct{ Name, Collate, Type string }
	rows, _ := s.conn.Query(ctx, `SELECT format('%I.%I', n.nspname, l.collname), l.collcollate, l.collctype
		FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace WHERE l.oid >= 16384 AND l.collprovider = 'c' ORDER BY 1`)
	made, err := pgx.CollectRows(rows, pgx.RowToStructByPos[collation])
	if err != nil {
		return nil, err
	}
	var found []finding.Finding
	for _, c := range made {
		lacking, err := s.lacks(ctx, c.Collate, c.Type)
		if err != nil {
			return nil, err
		}
		if lacking != "" {
			found = append(found, missingLocale(s.in("collation "+c.Name), lacking))
		}
	}
	return found, nil
}
