package green_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// schemaFault is what 18 does not take, and what is to be found.
type schemaFault struct {
	from    int // the majors in which it can be
	below   int
	setup   []string
	object  string // with D for the database
	message string // the server's
	fix     string // what it begins with
}

var schemaFaults = []schemaFault{
	{
		0, 17,
		[]string{`CREATE VIEW public."Vi""ew" AS SELECT buffers_checkpoint FROM pg_stat_bgwriter`, `COMMENT ON VIEW public."Vi""ew" IS 'x'`},
		`view public."Vi""ew" in database D`, `buffers_checkpoint does not exist`,
		`Change it on blue so that PostgreSQL 18 takes it too; or DROP VIEW public."Vi""ew";`,
	},
	{
		0, 17,
		[]string{`CREATE VIEW public.above AS SELECT * FROM public."Vi""ew"`},
		`view public.above in database D`, `relation "public.Vi"ew" does not exist`, `Mend view public."Vi""ew" first`,
	},
	{
		14, 18,
		[]string{`CREATE MATERIALIZED VIEW public.wal AS SELECT wal_write FROM pg_stat_wal`},
		`materialized view public.wal in database D`, `wal_write`,
		`Change it on blue so that PostgreSQL 18 takes it too; or DROP MATERIALIZED VIEW public.wal;`,
	},
	{
		0, 14,
		[]string{`CREATE FUNCTION public."F""n"(int) RETURNS int LANGUAGE sql SET operator_precedence_warning = off AS 'SELECT $1'`},
		`function public."F""n"(integer) in database D`, `unrecognized configuration parameter`,
		`ALTER FUNCTION public."F""n"(integer) RESET "operator_precedence_warning";`,
	},
	{
		0, 14,
		[]string{`ALTER DATABASE D SET vacuum_cleanup_index_scale_factor = 1`},
		`settings of database D`, `unrecognized configuration parameter`,
		`ALTER DATABASE D RESET "vacuum_cleanup_index_scale_factor";`,
	},
	{
		0, 14,
		[]string{`CREATE ROLE "Ro""le"`, `ALTER ROLE "Ro""le" SET operator_precedence_warning = on`},
		`role "Ro""le"`, `unrecognized configuration parameter`, `ALTER ROLE "Ro""le" RESET "operator_precedence_warning";`,
	},
	{
		0, 17,
		[]string{`CREATE EXTENSION adminpack`},
		`extension adminpack in database D`, `could not access file "adminpack"`,
		`Install the package that brings its library for PostgreSQL 18; or ALTER EXTENSION adminpack UPDATE; or DROP EXTENSION adminpack;`,
	},
}

func ofCheck(found []finding.Finding, check, object string) []finding.Finding {
	var some []finding.Finding
	for _, f := range found {
		if f.Check == check && (object == "" || f.Object == object) {
			some = append(some, f)
		}
	}
	return some
}

func TestWhatTheNewMajorDoesNotTakeIsFound(t *testing.T) {
	const weird = `We"ird; DROP`
	names := strings.NewReplacer(" D ", ` "We""ird; DROP" `, "database D", `database "We""ird; DROP"`)
	for _, from := range []int{13, 15, 17} {
		t.Run(fmt.Sprint(from), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, from)
			s.Exec(t, "postgres", "CREATE DATABASE "+postgres.Ident(weird))
			for _, f := range schemaFaults {
				for _, statement := range f.setup {
					if from >= f.from && from < f.below {
						s.Exec(t, weird, names.Replace(statement))
					}
				}
			}
			found := rehearse(t, rehearsal(t, s, 18))
			wanted := 0
			for _, f := range schemaFaults {
				if from < f.from || from >= f.below {
					continue
				}
				wanted++
				got := ofCheck(found, "schema-restore", names.Replace(f.object))
				if len(got) != 1 || got[0].Blocks != finding.Upgrade || !strings.Contains(got[0].Reason, f.message) ||
					!strings.HasPrefix(got[0].Fix, names.Replace(f.fix)) {
					t.Errorf("wanted %s: %s: %s", names.Replace(f.object), f.message, f.fix)
				}
			}
			if t.Failed() || len(ofCheck(found, "schema-restore", "")) > wanted {
				t.Errorf("%d wanted, found\n%s", wanted, show(found))
			}
		})
	}
}

// TestPgUpgradeFailsOnWhatIsFound has pg_upgrade itself say it.
func TestPgUpgradeFailsOnWhatIsFound(t *testing.T) {
	const writable = "SET default_transaction_read_only = off"
	for _, test := range []struct {
		from  int
		fault int
	}{{15, 0}, {17, 2}, {13, 3}, {13, 5}} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			t.Parallel()
			fault := schemaFaults[test.fault]
			f := newFixture(t, test.from, 18, options{sql: append([]string{writable}, fault.setup...)})
			if err := f.Upgrade(t.Context(), quiet()); err == nil {
				t.Errorf("pg_upgrade takes %s", fault.object)
			}
		})
	}
}

func TestWhatPgUpgradeRefusesIsFoundOnARunningBlue(t *testing.T) {
	type wanted struct{ object, says, fix string }
	for _, test := range []struct {
		name     string
		from, to int
		setup    []string
		wanted   []wanted
	}{
		{
			"data types, each with its list", 15, 18,
			[]string{`CREATE TABLE public."bad""one" (f regproc)`, `CREATE TABLE public.worse (a aclitem)`},
			[]wanted{
				{`blue: reg* data types in user tables`, `public.bad"one.f`, "Change these columns to text"},
				{`blue: incompatible "aclitem" data type`, `public.worse.a`, "Mend it on blue, then run this again."},
			},
		},
		{
			"data types, to a major that asks for one at a time", 13, 15,
			[]string{`CREATE TABLE public."bad""one" (f regproc)`},
			[]wanted{{`blue: reg* data types in user tables`, `public.bad"one.f`, "Change these columns to text"}},
		},
		{
			"operators", 13, 18,
			[]string{`CREATE OPERATOR public.!!! (LEFTARG = int8, PROCEDURE = numeric_fac)`},
			[]wanted{{`blue: user-defined postfix operators`, `public.!!!`, "Mend it on blue, then run this again."}},
		},
		{
			"libraries", 15, 17,
			[]string{`CREATE EXTENSION adminpack`},
			[]wanted{{`blue: presence of required libraries`, `could not load library "$libdir/adminpack"`, "Install these extensions"}},
		},
		{
			"a database without connections", 17, 18,
			[]string{`CREATE DATABASE "clo""sed" ALLOW_CONNECTIONS false`},
			[]wanted{{`blue: database connection settings`, `clo"sed`, "ALTER DATABASE ... ALLOW_CONNECTIONS true"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, test.from)
			s.Exec(t, "postgres", test.setup...)
			r := rehearsal(t, s, test.to)
			r.Schema = false
			found := rehearse(t, r)
			for _, w := range test.wanted {
				got := ofCheck(found, "pg-upgrade", w.object)
				if len(got) != 1 || got[0].Blocks != finding.Upgrade || !strings.Contains(got[0].Reason, w.says) || !strings.HasPrefix(got[0].Fix, w.fix) {
					t.Errorf("wanted %s: %s: %s", w.object, w.says, w.fix)
				}
			}
			if t.Failed() || len(found) != len(test.wanted) {
				t.Errorf("found\n%s", show(found))
			}
		})
	}
}
