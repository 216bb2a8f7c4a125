package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// collations lists the collations of a database whose order depends on a library, its default included. libc_or_icu and locale name the same
// collation on both sides of an upgrade; the columns that hold the locale were renamed twice (colliculocale in 15, colllocale in 17).
const collations = `
SELECT c.oid, CASE WHEN c.oid = 100 THEN 'default'
		ELSE collprovider::text || ' ' || coalesce(to_jsonb(c)->>'colllocale', to_jsonb(c)->>'colliculocale', collcollate) END AS name,
	CASE WHEN c.oid = 100 AND libc.version IS NOT NULL AND coalesce(to_jsonb(d)->>'datlocprovider', 'c') = 'c' AND datcollate NOT IN ('C', 'POSIX')
			AND datcollate !~* '^C\.UTF-?8$' THEN libc.version
		WHEN c.oid = 100 THEN icu.version
		ELSE pg_collation_actual_version(c.oid) END AS version
FROM pg_collation c JOIN pg_database d ON datname = current_database(),
	(SELECT max(pg_collation_actual_version(oid)) AS version FROM pg_collation WHERE collprovider = 'c' AND oid <> 100) AS libc,
	(SELECT max(pg_collation_actual_version(oid)) AS version FROM pg_collation WHERE collprovider = 'i' AND collname = 'und-x-icu') AS icu
WHERE collprovider IN ('c', 'i') OR c.oid = 100`

// CollationVersions returns the version that each collation of the database has in the server's own libraries, by a name that both sides
// of an upgrade share. libc and ICU sort differently from version to version
// (https://www.postgresql.org/docs/current/collation.html#COLLATION-MANAGING). All of a libc share one version, glibc's own.
func CollationVersions(ctx context.Context, conn *pgx.Conn) (map[string]string, error) {
	rows, _ := conn.Query(ctx, `SELECT name, version FROM (`+collations+`) AS c WHERE version IS NOT NULL`)
	versions := map[string]string{}
	var name, version string
	_, err := pgx.ForEachRow(rows, []any{&name, &version}, func() error {
		versions[name] = version
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the versions of collations: %w", err)
	}
	return versions, nil
}

// IndexesOn returns the indexes, quoted and with their schemas, that are ordered by one of the collations named as CollationVersions does.
// Columns of a type without a collation do not count.
func IndexesOn(ctx context.Context, conn *pgx.Conn, names []string) ([]string, error) {
	rows, _ := conn.Query(ctx, `SELECT DISTINCT format('%I.%I', nspname, relname) FROM pg_index i
		JOIN pg_class r ON r.oid = indexrelid JOIN pg_namespace n ON n.oid = relnamespace, unnest(indcollation) AS collation_oid
		WHERE relkind = 'i' AND relpersistence <> 't' AND nspname <> 'pg_toast'
		AND collation_oid IN (SELECT oid FROM (`+collations+`) AS c WHERE name = ANY ($1)) ORDER BY 1`, names)
	indexes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list indexes by collation: %w", err)
	}
	return indexes, nil
}

// RefreshCollations records the versions that the indexes are now built with, so that the server stops warning.
func RefreshCollations(ctx context.Context, conn *pgx.Conn) error {
	rows, _ := conn.Query(ctx, `SELECT format('ALTER COLLATION %I.%I REFRESH VERSION', nspname, collname) FROM pg_collation c
		JOIN pg_namespace n ON n.oid = collnamespace WHERE collversion <> pg_collation_actual_version(c.oid)
		UNION ALL SELECT format('ALTER DATABASE %I REFRESH COLLATION VERSION', datname) FROM pg_database d
		WHERE datname = current_database() AND to_jsonb(d) ? 'datcollversion'`)
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list collations to refresh: %w", err)
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
