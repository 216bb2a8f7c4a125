package switchover

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// shape tells whether the schema of a database is still the one that the guardrails compared. What changes after they have looked, such as what a
// transaction that the pause waits for has made, is on one side only, and would stay behind.
type shape struct {
	since  string // the oldest transaction, by its xid, whose changes could not all be seen at the first look
	rows   string // how many rows the catalogs have, and how many of them are the work of transactions since then
	digest string
}

// shapeNow looks at a schema for the first time.
func shapeNow(ctx context.Context, conn *pgx.Conn) (s shape, err error) {
	err = conn.QueryRow(ctx, `SELECT (txid_snapshot_xmin(txid_current_snapshot()) & x'ffffffff'::bigint)::text`).Scan(&s.since)
	if err == nil {
		err = s.look(ctx, conn, shapeRows, &s.rows)
	}
	if err == nil {
		err = s.look(ctx, conn, shapeDigest, &s.digest)
	}
	return s, err
}

// changed looks at the schema once more. Where no row of the catalogs is new or gone that is quick, 50 ms for 10,000 tables of ten columns,
// so that the pause can afford it. Where one is, a digest tells whether it is the schema that has changed, which takes seven times as long.
func (s shape) changed(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var rows, digest string
	if err := s.look(ctx, conn, shapeRows, &rows); err != nil || rows == s.rows {
		return false, err
	}
	err := s.look(ctx, conn, shapeDigest, &digest)
	return err == nil && digest != s.digest, err
}

func (s shape) look(ctx context.Context, conn *pgx.Conn, query string, seen *string) error {
	if err := conn.QueryRow(ctx, query, s.since).Scan(seen); err != nil {
		return fmt.Errorf("look at the schema: %w", err)
	}
	return nil
}

const (
	isNew     = `age(x.xmin) <= began.age AND age(x.xmin) >= 0`
	allAndNew = `count(*) || ':' || count(*) FILTER (WHERE ` + isNew + `)`
	began     = `WITH began AS (SELECT age($1::text::xid) AS age)`
)

// shapeRows counts.
var shapeRows = func() string {
	var counts []string
	for _, catalog := range []string{
		"pg_class", "pg_attribute", "pg_constraint", "pg_proc", "pg_trigger", "pg_rewrite", "pg_policy", "pg_type", "pg_enum",
	} {
		counts = append(counts, `(SELECT `+allAndNew+` FROM `+catalog+` x, began)`)
	}
	return began + ` SELECT concat_ws(' ', ` + strings.Join(counts, ", ") + `)`
}()

// shapeDigest digests relations as they are, and counts what else there is and how much of it is new. What is no change of the schema does not
// count: temporary tables, new files (TRUNCATE, REINDEX, REFRESH MATERIALIZED VIEW), and new oids of indexes (REINDEX CONCURRENTLY).
const shapeDigest = began + `, ours AS (SELECT oid AS rel, relname, relnamespace, relkind, relnatts, relchecks, relowner, relpersistence, relreplident,
		relrowsecurity, relforcerowsecurity, relispartition
		FROM pg_class WHERE relkind <> 't' AND relpersistence <> 't' AND oid >= 16384)
SELECT concat_ws(' ',
	(SELECT count(*) || ':' || coalesce(sum(hashtextextended(concat_ws(' ', CASE WHEN relkind NOT IN ('i', 'I') THEN rel END, relname, relnamespace, relkind,
		relnatts, relchecks, relowner, relpersistence, relreplident, relrowsecurity, relforcerowsecurity, relispartition), 0)), 0) FROM ours),
	(SELECT count(*) FROM pg_attribute x JOIN ours ON rel = attrelid AND relkind NOT IN ('i', 'I'), began WHERE ` + isNew + `),
	(SELECT count(*) FROM pg_constraint x JOIN ours ON rel = conrelid, began WHERE contype IN ('c', 'f') AND ` + isNew + `),
	(SELECT ` + allAndNew + ` FROM pg_proc x, began),
	(SELECT ` + allAndNew + ` FROM pg_trigger x JOIN ours ON rel = tgrelid, began WHERE NOT tgisinternal),
	(SELECT ` + allAndNew + ` FROM pg_rewrite x JOIN ours ON rel = ev_class, began),
	(SELECT ` + allAndNew + ` FROM pg_policy x JOIN ours ON rel = polrelid, began),
	(SELECT ` + allAndNew + ` FROM pg_type x, began WHERE typtype IN ('d', 'e')),
	(SELECT ` + allAndNew + ` FROM pg_enum x, began))`
