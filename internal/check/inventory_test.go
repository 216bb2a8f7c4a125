package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

func take(t testing.TB, s *pgtest.Server) check.Inventory {
	t.Helper()
	result, err := check.Run(t.Context(), check.Target{Blue: s.Server, To: 18})
	if err != nil {
		t.Fatal(err)
	}
	return result.Inventory
}

func TestTheInventoryCountsWhatIsThere(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 17} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, major)
			createDatabase(t, s, "other", `CREATE TABLE t (id serial PRIMARY KEY)`)
			before := take(t, s)
			if diff := cmp.Diff(check.Inventory{Databases: 2, Tables: 1, Sequences: 1}, before); diff != "" {
				t.Errorf("with next to nothing: %s", diff)
			}
			if lines := before.Lines(); len(lines) != 3 || !strings.HasPrefix(lines[0], "1 table: ") || !strings.HasPrefix(lines[1], "1 sequence: ") {
				t.Errorf("it says %q", lines)
			}
			createDatabase(t, s, weird,
				`CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id)`, `CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (9)`,
				`CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (9) TO (99)`, `CREATE TABLE whole (id int GENERATED ALWAYS AS IDENTITY)`,
				`CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY)`, `CREATE SEQUENCE free`, `CREATE VIEW v AS SELECT 1`,
				`CREATE MATERIALIZED VIEW mv AS SELECT 1`,
				`SELECT lo_from_bytea(0, decode(repeat('ab', 5000), 'hex')), lo_create(0)`,
				`CREATE EXTENSION postgres_fdw`, `CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw`, `CREATE FOREIGN TABLE ft (x int) SERVER far`,
				`CREATE TABLE words (w text COLLATE "und-x-icu" PRIMARY KEY, c text COLLATE "C" UNIQUE, d text UNIQUE)`,
				`INSERT INTO words VALUES ('a', 'b', 'c')`,
				postgres.SchemaSQL)
			passing := s.Connect(t, weird)
			_, err := passing.Exec(t.Context(), `CREATE TEMP TABLE passing (id int); CREATE TEMP SEQUENCE passing_seq; CREATE TEMP VIEW pv AS SELECT 1`)
			if err != nil {
				t.Fatal(err)
			}
			got := take(t, s)
			wanted := check.Inventory{
				Databases: 3, Tables: 5, Partitions: 2, Sequences: 3, LargeObjects: 2, LargeObjectBytes: got.LargeObjectBytes,
				UnloggedTables: 1, TemporaryTables: 1, ForeignTables: 1, MaterializedViews: 1, Views: 1, TextIndexes: 1, TextIndexBytes: 16384,
			}
			if diff := cmp.Diff(wanted, got); diff != "" || got.LargeObjectBytes < 5000 {
				t.Errorf("%s; %d bytes", diff, got.LargeObjectBytes)
			}
			lines := got.Lines()
			for _, begins := range []string{
				"5 tables (2 of them partitions): ", "3 sequences: ", "2 large objects (", "1 unlogged table: ", "1 temporary table: ", "1 foreign table: ",
				"1 materialized view: ", "1 view: ", "1 index on text (16 kB): ", "schema changes: ",
			} {
				if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, begins) }) {
					t.Errorf("no line begins with %q: %q", begins, lines)
				}
			}
		})
	}
}
