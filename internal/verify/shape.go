package verify

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgteal/pgteal/internal/postgres"
)

// columnShape is one column that holds data.
type columnShape struct {
	name, sqlType string
	asNumber      string // the cast that stands for "char", whose text differs between majors; else ""
	bare          bool   // a number or boolean, shown in keys without quotes
}

// shape is what a table looks like in a snapshot. The zero shape stands for a table that is not there.
type shape struct {
	columns   []columnShape
	key       []string // the columns of its primary key, else of its replica identity; none where it has neither
	exists    bool
	extension bool // it belongs to an extension
}

// describe returns the shapes of a group's tables on both sides, in the snapshots of the readers.
//
// The text of "char" became an octal escape for bytes above 127 in 16, so its number stands for it, also in arrays and domains.
func (s *sessions) describe(ctx context.Context, tables []table) (shapes [2][]shape, err error) {
	query := `
		SELECT u.n - 1, c.oid IS NOT NULL, ` + isExtensions + `,
			cols.names, cols.types, cols.casts, cols.bare, coalesce(k.names, '{}')
		FROM unnest(` + nameArray(tables) + `) WITH ORDINALITY u(name, n)
		LEFT JOIN pg_class c ON c.oid = to_regclass(u.name) AND c.relkind = 'r'
		CROSS JOIN LATERAL (
			SELECT coalesce(array_agg(a.attname::text ORDER BY a.attnum), '{}'),
				coalesce(array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum), '{}'),
				coalesce(array_agg(CASE WHEN 18 IN (t.oid, t.typbasetype) THEN '::int4'
					WHEN 1002 IN (t.oid, t.typbasetype) THEN '::int4[]' ELSE '' END ORDER BY a.attnum), '{}'),
				coalesce(array_agg(t.typcategory IN ('N', 'B') AND t.typname !~ '^reg' AND t.typname <> 'money' ORDER BY a.attnum), '{}')
			FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
			WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND coalesce(to_jsonb(a) ->> 'attgenerated', '') <> 'v'
		) cols(names, types, casts, bare)
		LEFT JOIN LATERAL (
			SELECT (SELECT array_agg(a.attname::text ORDER BY o.n) FROM unnest(i.indkey::int2[]) WITH ORDINALITY o(attnum, n)
				JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = o.attnum WHERE o.n <= i.indnkeyatts)
			FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate AND (i.indisprimary OR i.indisreplident)
			ORDER BY i.indisprimary DESC LIMIT 1
		) k(names) ON true
		ORDER BY u.n`
	both, ctx := errgroup.WithContext(ctx)
	for side, conn := range s.readers {
		shapes[side] = make([]shape, len(tables))
		both.Go(func() error {
			rows, _ := conn.Query(ctx, query, pgx.QueryExecModeExec)
			var n int
			var names, types, casts, key []string
			var bare []bool
			var exists, extension bool
			_, err := pgx.ForEachRow(rows, []any{&n, &exists, &extension, &names, &types, &casts, &bare, &key}, func() error {
				columns := make([]columnShape, len(names))
				for i := range names {
					columns[i] = columnShape{name: names[i], sqlType: types[i], asNumber: casts[i], bare: bare[i]}
				}
				shapes[side][n] = shape{columns: columns, key: slices.Clone(key), exists: exists, extension: extension}
				return nil
			})
			if err != nil {
				return fmt.Errorf("read the columns of tables on %s: %w", s.side(side), err)
			}
			return nil
		})
	}
	return shapes, both.Wait()
}

// differ says what keeps the rows of two tables from being compared, "" if nothing does. The order of the columns does not matter.
// Columns that only To has are no difference in an extension's table: a newer version of it may have brought them.
func differ(from, to shape, fromName, toName string) string {
	if !to.exists {
		return "the table is on " + fromName + " only"
	}
	have := map[string]string{}
	for _, c := range to.columns {
		have[c.name] = c.sqlType
	}
	var told []string
	for _, c := range from.columns {
		switch other, ok := have[c.name]; {
		case !ok:
			told = append(told, fmt.Sprintf("column %s is on %s only", plain(c.name), fromName))
		case other != c.sqlType:
			told = append(told, fmt.Sprintf("column %s is %s on %s and %s on %s", plain(c.name), c.sqlType, fromName, other, toName))
		}
		delete(have, c.name)
	}
	for _, c := range to.columns {
		if _, ok := have[c.name]; ok && !from.extension {
			told = append(told, fmt.Sprintf("column %s is on %s only", plain(c.name), toName))
		}
	}
	return strings.Join(told, "; ")
}

// rowText returns the expression for the text of a row of x. record_out quotes, so that columns cannot run into each other and NULL
// is not an empty string.
func (s shape) rowText() string { return recordText(s.columns) }

// keyText returns the expression for the text of the row's key, of the whole row where there is none.
func (s shape) keyText() string {
	if len(s.key) == 0 {
		return s.rowText()
	}
	return recordText(s.keyColumns())
}

func (s shape) keyColumns() []columnShape {
	var columns []columnShape
	for _, name := range s.key {
		for _, c := range s.columns {
			if c.name == name {
				columns = append(columns, c)
			}
		}
	}
	return columns
}

func recordText(columns []columnShape) string {
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = "x." + postgres.Ident(c.name) + c.asNumber
	}
	return `ROW(` + strings.Join(values, ", ") + `)::text COLLATE "C"`
}

// keyName returns the expression for how a report names the row: `id=42` or `a=1, b='x'`.
func (s shape) keyName() string {
	columns := s.keyColumns()
	if len(columns) == 0 {
		columns = s.columns
	}
	if len(columns) == 0 {
		return "'(no columns)'"
	}
	parts := make([]string, len(columns))
	for i, c := range columns {
		value := "(x." + postgres.Ident(c.name) + c.asNumber + ")::text"
		if !c.bare {
			value = "quote_literal(left(" + value + ", 200))"
		}
		parts[i] = postgres.Literal(plain(c.name)+"=") + " || coalesce(" + value + ", 'NULL')"
	}
	return "left(concat_ws(', ', " + strings.Join(parts, ", ") + "), 400)"
}

var needsNoQuotes = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// plain quotes an identifier for people only where it would be mistaken otherwise.
func plain(name string) string {
	if needsNoQuotes.MatchString(name) {
		return name
	}
	return postgres.Ident(name)
}
