package check

import (
	"context"
	"fmt"
	"strconv"

	"github.com/pgteal/pgteal/internal/postgres"
)

// Inventory counts what is in the databases whose tables are carried over. Lines says what becomes of each kind.
type Inventory struct {
	Databases         int   `json:"databases"`
	Tables            int64 `json:"tables"`     // that are published
	Partitions        int64 `json:"partitions"` // of these
	Sequences         int64 `json:"sequences"`
	LargeObjects      int64 `json:"large_objects"` // counted up to largeObjectsCounted a database
	LargeObjectBytes  int64 `json:"large_object_bytes"`
	UnloggedTables    int64 `json:"unlogged_tables"`
	TemporaryTables   int64 `json:"temporary_tables"` // that are there right now
	ForeignTables     int64 `json:"foreign_tables"`
	MaterializedViews int64 `json:"materialized_views"`
	Views             int64 `json:"views"`
	TextIndexes       int64 `json:"text_indexes"` // whose order libc or ICU decides
	TextIndexBytes    int64 `json:"text_index_bytes"`
}

// inventorySQL returns the fields of Inventory from Tables on, in order. What pgteal itself made does not count.
const inventorySQL = `SELECT count(*) FILTER (WHERE ` + published + `), count(*) FILTER (WHERE c.relispartition AND ` + published + `),
	count(*) FILTER (WHERE c.relkind = 'S' AND c.relpersistence <> 't'),
	(SELECT count(*) FROM (SELECT FROM pg_largeobject_metadata LIMIT $1) counted),
	(SELECT pg_relation_size('pg_catalog.pg_largeobject') WHERE EXISTS (SELECT FROM pg_largeobject_metadata)),
	count(*) FILTER (WHERE c.relkind = 'r' AND c.relpersistence = 'u'),
	count(*) FILTER (WHERE c.relkind = 'r' AND c.relpersistence = 't'),
	count(*) FILTER (WHERE c.relkind = 'f'),
	count(*) FILTER (WHERE c.relkind = 'm'),
	count(*) FILTER (WHERE c.relkind = 'v' AND c.relpersistence = 'p'),
	count(*) FILTER (WHERE text.indexrelid IS NOT NULL), coalesce(sum(pg_relation_size(text.indexrelid)), 0)::bigint
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	LEFT JOIN (` + textIndexes + `) text ON text.indexrelid = c.oid AND c.relkind = 'i' AND c.relpersistence = 'p'
	WHERE c.oid >= 16384 AND n.nspname <> '` + postgres.Schema + `'`

// textIndexes are the indexes ordered by a collation of libc or ICU. C and POSIX are of neither, nor is C.UTF-8
// (get_collation_actual_version in src/backend/utils/adt/pg_locale.c); oid 100 is the database's default, whose provider became a matter of its own with 15.
const textIndexes = `SELECT DISTINCT x.indexrelid FROM (
		SELECT i.indexrelid, CASE WHEN l.oid <> 100 THEN l.collprovider::text ELSE coalesce(to_jsonb(d)->>'datlocprovider', 'c') END AS provider,
			CASE WHEN l.oid <> 100 THEN l.collcollate::text ELSE d.datcollate::text END AS locale
		FROM pg_index i CROSS JOIN unnest(i.indcollation) AS u(coll) JOIN pg_collation l ON l.oid = u.coll
		JOIN pg_database d ON d.datname = current_database() WHERE i.indexrelid >= 16384
	) x WHERE x.provider = 'i' OR x.provider = 'c' AND x.locale !~* '^(C|POSIX|C[.].*)$'`

func (s *Session) inventory(ctx context.Context) (of Inventory, err error) {
	var size *int64
	err = s.conn.QueryRow(ctx, inventorySQL, largeObjectsCounted+1).Scan(&of.Tables, &of.Partitions, &of.Sequences, &of.LargeObjects, &size,
		&of.UnloggedTables, &of.TemporaryTables, &of.ForeignTables, &of.MaterializedViews, &of.Views,
		&of.TextIndexes, &of.TextIndexBytes)
	if err != nil {
		return Inventory{}, fmt.Errorf("count what is in database %s of %s: %w", s.Database, s.Blue.Name, err)
	}
	of.Databases = 1
	if size != nil {
		of.LargeObjectBytes = *size
	}
	return of, nil
}

func (i *Inventory) add(of Inventory) {
	i.Databases += of.Databases
	i.Tables += of.Tables
	i.Partitions += of.Partitions
	i.Sequences += of.Sequences
	i.LargeObjects += of.LargeObjects
	i.LargeObjectBytes += of.LargeObjectBytes
	i.UnloggedTables += of.UnloggedTables
	i.TemporaryTables += of.TemporaryTables
	i.ForeignTables += of.ForeignTables
	i.MaterializedViews += of.MaterializedViews
	i.Views += of.Views
	i.TextIndexes += of.TextIndexes
	i.TextIndexBytes += of.TextIndexBytes
}

// Lines says of each kind that is there what becomes of it, a line each.
func (i Inventory) Lines() []string {
	var lines []string
	say := func(count int64, one, many, becomes string) {
		if count == 1 {
			lines = append(lines, "1 "+one+": "+becomes)
		} else if count > 1 {
			lines = append(lines, strconv.FormatInt(count, 10)+" "+many+": "+becomes)
		}
	}
	of := ""
	if i.Partitions > 0 {
		of = fmt.Sprintf(" (%d of them partitions)", i.Partitions)
	}
	say(i.Tables, "table"+of, "tables"+of, "in the clone; their changes are replicated and compared")
	say(i.Sequences, "sequence", "sequences", "not replicated; pgteal reads them on blue and sets them on green in the pause")
	size := fmt.Sprintf(" (%s on disk)", bytes(i.LargeObjectBytes))
	say(i.LargeObjects, "large object"+size, "large objects"+size, "in the clone; changes are not replicated, so they forbid the switchover")
	say(i.UnloggedTables, "unlogged table", "unlogged tables", "empty on green")
	say(i.TemporaryTables, "temporary table", "temporary tables", "gone with their sessions, which the switchover ends")
	say(i.ForeignTables, "foreign table", "foreign tables", "in the clone; green's host has to reach their servers")
	say(i.MaterializedViews, "materialized view", "materialized views", "in the clone as they are then; refresh them on green")
	say(i.Views, "view", "views", "in the clone")
	size = fmt.Sprintf(" on text (%s)", bytes(i.TextIndexBytes))
	say(i.TextIndexes, "index"+size, "indexes"+size, "in the clone; rebuilt where green's libc or ICU has another version than blue's")
	return append(lines, "schema changes: not replicated; one that is made after the clone forbids the switchover")
}

var units = []string{"bytes", "kB", "MB", "GB"}

// bytes writes a size as an operator reads it.
func bytes(n int64) string {
	unit := 0
	for ; n >= 10<<10 && unit < len(units)-1; unit++ {
		n = (n + 512) >> 10
	}
	return fmt.Sprintf("%d %s", n, units[unit])
}
