package verify

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
)

// table is one ordinary table of From.
type table struct {
	schema, name string
	display      string // with its schema, quoted where SQL needs it
	bytes        int64  // as its statistics have it: good enough for order and progress, and had without a lock
}

func (t table) ident() string { return postgres.Ident(t.schema, t.name) }

// userObject keeps to what users made: oids from 16384 on, and neither pgteal's own nor temporary schemas.
const userObject = `c.oid >= 16384 AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'pgteal')
	AND n.nspname !~ '^pg_(toast_)?temp_'`

// isExtensions tells of a class c whether it belongs to an extension.
const isExtensions = `EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`

const ordinaryTables = `
	SELECT n.nspname, c.relname, format('%I.%I', n.nspname, c.relname),
		(greatest(c.relpages, 0) + coalesce(greatest(t.relpages, 0), 0) + 1) * 8192::bigint,
		` + isExtensions + `
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
	WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND ` + userObject + ` ORDER BY 1, 2`

// survey lists what there is in a database: it fills the queue, and records what will not be compared.
func (r *run) survey(ctx context.Context, database postgres.Database) error {
	s, err := r.open(ctx, database)
	if err != nil {
		return err
	}
	defer s.close()
	if err := r.qualify(ctx, s); err != nil {
		return fmt.Errorf("compare database %q: %w", database.Name, err)
	}
	from, err := listTables(ctx, s.readers[0])
	if err != nil {
		return fmt.Errorf("list the tables of database %q on %s: %w", database.Name, r.From.Name, err)
	}
	to, err := listTables(ctx, s.readers[1])
	if err != nil {
		return fmt.Errorf("list the tables of database %q on %s: %w", database.Name, r.To.Name, err)
	}
	known := map[[2]string]bool{}
	tables := make([]table, len(from))
	for i, t := range from {
		known[[2]string{t.schema, t.name}], tables[i] = true, t.table
	}
	for _, t := range to {
		// A newer version of an extension may bring tables that From does not have.
		if !known[[2]string{t.schema, t.name}] && !t.extension {
			detail := "the table is on " + r.To.Name + " only"
			r.differs(Difference{Database: database.Name, Table: t.display, Kind: Schema, Detail: detail}, 1)
		}
	}
	tables, err = r.inStep(ctx, s, tables)
	if err != nil {
		return err
	}
	r.queue.fill(database, tables, r.Jobs)
	return r.leaveOut(ctx, s)
}

// qualify looks whether both sides can be compared at all, and removes what a comparison that was killed left behind.
func (r *run) qualify(ctx context.Context, s *sessions) error {
	var encodings [2]string
	for i, conn := range s.readers {
		var schema bool
		err := conn.QueryRow(ctx, `SELECT getdatabaseencoding(), to_regclass('pgteal.barrier') IS NOT NULL`).Scan(&encodings[i], &schema)
		if err != nil {
			return fmt.Errorf("ask %s: %w", s.side(i), err)
		}
		if !schema {
			return fault.New(fault.Forbidden, fmt.Errorf("table pgteal.barrier is missing on %s", s.side(i)),
				"pgteal prepare makes it. Where that is done, somebody has dropped it: pgteal abort, and prepare again.")
		}
	}
	if encodings[0] != encodings[1] {
		return fmt.Errorf("%s is encoded in %s, %s in %s", r.From.Name, encodings[0], r.To.Name, encodings[1])
	}
	if _, err := appliers(ctx, s.readers[1], s.toMajor); err != nil {
		return fmt.Errorf("find the subscription on %s: %w", r.To.Name, err)
	}
	// Another comparison that is under way has no more use for its row once that is committed.
	if _, err := s.readers[0].Exec(ctx, `DELETE FROM pgteal.barrier`); err != nil {
		return fmt.Errorf("remove old barriers on %s: %w", r.From.Name, err)
	}
	return nil
}

type listed struct {
	table
	extension bool
}

func listTables(ctx context.Context, conn *pgx.Conn) ([]listed, error) {
	rows, _ := conn.Query(ctx, ordinaryTables)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t listed, err error) {
		return t, row.Scan(&t.schema, &t.name, &t.display, &t.bytes, &t.extension)
	})
}

// inStep leaves out the tables that a table synchronization worker still fills: the barrier does not stop it.
func (r *run) inStep(ctx context.Context, s *sessions, tables []table) ([]table, error) {
	rows, _ := s.readers[1].Query(ctx, `SELECT n.nspname, c.relname FROM pg_subscription_rel r JOIN pg_class c ON c.oid = r.srrelid
		JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.srsubstate <> 'r'`)
	behind := map[[2]string]bool{}
	var schema, name string
	if _, err := pgx.ForEachRow(rows, []any{&schema, &name}, func() error {
		behind[[2]string{schema, name}] = true
		return nil
	}); err != nil {
		return nil, fmt.Errorf("list the state of the subscription's tables on %s: %w", r.To.Name, err)
	}
	kept := tables[:0]
	for _, t := range tables {
		if behind[[2]string{t.schema, t.name}] {
			r.unreadable(s.database, t, "its initial copy to "+r.To.Name+" has not finished")
			continue
		}
		kept = append(kept, t)
	}
	return kept, nil
}

// leaveOut records what logical replication does not carry, and so is not compared.
func (r *run) leaveOut(ctx context.Context, s *sessions) error {
	rows, _ := s.readers[0].Query(ctx, `
		SELECT CASE c.relkind WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence'
			ELSE 'unlogged table' END,
			 format('%I.%I', n.nspname, c.relname)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE (c.relkind IN ('m', 'f', 'S') OR (c.relkind = 'r' AND c.relpersistence = 'u'))
			AND c.relpersistence <> 't' AND `+userObject+` ORDER BY 1, 2`)
	skip := func(object, reason string) {
		r.notChecked(NotChecked{Database: s.database.Name, Object: object, Reason: reason})
	}
	count := map[string]int{}
	var kind, object string
	if _, err := pgx.ForEachRow(rows, []any{&kind, &object}, func() error {
		count[kind]++
		if count[kind] <= notCheckedCap && kind != "sequence" {
			skip(kind+" "+object, whyNot[kind])
		}
		return nil
	}); err != nil {
		return fmt.Errorf("list what is not compared on %s: %w", r.From.Name, err)
	}
	var objects int64
	if err := s.readers[0].QueryRow(ctx, `SELECT count(*) FROM pg_largeobject_metadata`).Scan(&objects); err != nil {
		return fmt.Errorf("count the large objects on %s: %w", r.From.Name, err)
	}
	for kind, n := range count {
		switch {
		case kind == "sequence":
			skip(fmt.Sprintf("%d sequences", n), whyNot[kind])
		case n > notCheckedCap:
			skip(fmt.Sprintf("%d more: %ss", n-notCheckedCap, kind), whyNot[kind])
		}
	}
	if objects > 0 {
		skip(fmt.Sprintf("%d large objects", objects), fmt.Sprintf("not replicated; %d large objects were not compared", objects))
	}
	if floatDigits(s.fromMajor, s.toMajor) == 0 {
		r.notChecked(NotChecked{
			Database: s.database.Name, Object: "the last digits of floating-point numbers",
			Reason: "PostgreSQL 11 does not write them as later majors do; 15 digits of double precision and 6 of real were compared",
		})
	}
	return nil
}

// whyNot has the reason for each kind of object that is not compared.
var whyNot = map[string]string{
	"unlogged table":    "not replicated: unlogged tables are not in the write-ahead log",
	"materialized view": "not replicated: it holds what its last REFRESH on that server put there",
	"foreign table":     "not replicated: its rows are on another server",
	"sequence":          "not replicated: sequences are carried over at the switchover",
}
