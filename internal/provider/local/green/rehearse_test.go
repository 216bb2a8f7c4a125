package green_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider/local/green"
)

// The secrets of a healthy cluster. None may come out of a rehearsal.
const (
	roleSecret         = "role-5ecret"
	mappingSecret      = "mapping-5ecret"
	subscriptionSecret = "subscription-5ecret"
)

// contrib are extensions that come with every major.
var contrib = []string{
	"amcheck", "bloom", "btree_gin", "btree_gist", "citext", "cube", "dblink", "dict_int", "earthdistance", "file_fdw", "fuzzystrmatch", "hstore",
	"intarray", "isn", "lo", "ltree", "pageinspect", "pg_buffercache", "pg_prewarm", "pg_stat_statements", "pg_trgm", "pgcrypto", "pgrowlocks",
	"pgstattuple", "postgres_fdw", "seg", "tablefunc", "tsm_system_rows", "unaccent", `"uuid-ossp"`, "xml2",
}

// fill puts objects of many kinds into a cluster that nothing is wrong with.
func fill(t *testing.T, s *pgtest.Server) {
	t.Helper()
	role, database := postgres.Ident(hostileRole), postgres.Ident(hostileDatabase)
	space := filepath.Join(filepath.Dir(s.Cluster.DataDirectory), `space of "blue" $`)
	if _, err := s.Cluster.Account.Mkdir(space); err != nil {
		t.Fatal(err)
	}
	s.Exec(t, "postgres",
		`CREATE ROLE `+role+` LOGIN PASSWORD '`+roleSecret+`' VALID UNTIL '2099-01-01' CONNECTION LIMIT 5`,
		`CREATE ROLE "group" NOLOGIN`, `GRANT "group" TO `+role+` WITH ADMIN OPTION`, `GRANT pg_monitor TO "group"`,
		`COMMENT ON ROLE `+role+` IS E'a;\nb'`,
		`ALTER ROLE `+role+` SET search_path = "$user", public`, `ALTER ROLE postgres SET default_transaction_read_only = on`,
		`ALTER ROLE postgres SET statement_timeout = '1ms'`, `SET default_transaction_read_only = off`, `SET statement_timeout = 0`,
		`CREATE TABLESPACE "sp""ace" OWNER `+role+` LOCATION `+postgres.Literal(space),
		`CREATE DATABASE `+database+` OWNER `+role+` TABLESPACE "sp""ace"`,
		`CREATE DATABASE latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0 CONNECTION LIMIT 0`,
		`CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0 IS_TEMPLATE true`,
		`CREATE DATABASE "postgresql://x?host=y"`,
		`ALTER DATABASE `+database+` SET work_mem = '8MB'`, `ALTER DATABASE `+database+` SET "app.own" = E'a;\nb'`,
		`ALTER ROLE `+role+` IN DATABASE `+database+` SET role = "group"`,
		`GRANT CREATE ON DATABASE `+database+` TO "group"`, `COMMENT ON DATABASE postgres IS 'the first'`,
		`CREATE TABLE public.first (id int PRIMARY KEY)`,
	)
	s.Exec(t, "template1", `SET default_transaction_read_only = off`, `SET statement_timeout = 0`, `CREATE TABLE public.inherited (id int PRIMARY KEY)`)
	if s.Cluster.Major >= 15 {
		s.Exec(t, "postgres", `SET default_transaction_read_only = off`, `SET statement_timeout = 0`,
			`CREATE DATABASE icu LOCALE_PROVIDER icu ICU_LOCALE 'de-u-kn' TEMPLATE template0 ENCODING 'UTF8'`, `GRANT SET ON PARAMETER work_mem TO "group"`)
	}
	statements := []string{
		`SET default_transaction_read_only = off`, `SET statement_timeout = 0`, `SET client_min_messages = error`,
		`CREATE SCHEMA "We""ird; DROP" AUTHORIZATION ` + role, `SET search_path = "We""ird; DROP", public`,
	}
	for _, extension := range contrib {
		statements = append(statements, "CREATE EXTENSION "+extension+" SCHEMA public")
	}
	statements = append(statements,
		`CREATE DOMAIN small AS int CHECK (VALUE < 10)`, `CREATE TYPE mood AS ENUM ('good', 'bad')`, `CREATE TYPE pair AS (a int, b text)`,
		`CREATE TYPE span AS RANGE (subtype = float8)`, `CREATE SEQUENCE numbers`,
		`CREATE COLLATION german (provider = icu, locale = 'de-u-kn')`,
		`CREATE TABLE "T""; DROP" ("c""; DROP" int PRIMARY KEY, m mood, p pair, s small DEFAULT 1, n int GENERATED ALWAYS AS IDENTITY,
			g int GENERATED ALWAYS AS (1 + 1) STORED, t text COLLATE german, r span, h hstore, CHECK (s > 0))`,
		`ALTER TABLE "T""; DROP" DROP COLUMN g`,
		`CREATE INDEX ON "T""; DROP" (lower(t)) TABLESPACE "sp""ace" WHERE s > 1`, `CREATE INDEX ON "T""; DROP" USING gin (t gin_trgm_ops)`,
		`CREATE STATISTICS "both" ON s, t FROM "T""; DROP"`,
		`CREATE TABLE part (id int, x text) PARTITION BY RANGE (id)`,
		`CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10)`, `CREATE INDEX ON part (x)`,
		`CREATE TABLE parent (a int)`, `CREATE TABLE child (b int REFERENCES "T""; DROP") INHERITS (parent)`, `CREATE UNLOGGED TABLE unlogged (id int)`,
		`CREATE VIEW tables AS SELECT * FROM pg_class WITH LOCAL CHECK OPTION`, `DROP VIEW tables`, `CREATE VIEW seen AS SELECT t FROM "T""; DROP"`,
		`CREATE VIEW statistics AS SELECT relname, n_live_tup FROM pg_stat_all_tables`,
		`CREATE MATERIALIZED VIEW kept AS SELECT count(*) FROM seen`, `CREATE UNIQUE INDEX ON kept (count)`,
		`CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS 'BEGIN RETURN NEW; END'`,
		`CREATE FUNCTION plus(int, int = 1) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2'`,
		`CREATE PROCEDURE act() LANGUAGE sql AS 'SELECT 1'`, `CREATE AGGREGATE total (int) (SFUNC = plus, STYPE = int, INITCOND = '0')`,
		`CREATE OPERATOR <+> (LEFTARG = int, RIGHTARG = int, FUNCTION = plus)`, `CREATE CAST (pair AS text) WITH INOUT`,
		`CREATE TRIGGER ordinary BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION pass()`, `ALTER TABLE parent ENABLE ALWAYS TRIGGER ordinary`,
		`CREATE RULE refuse AS ON DELETE TO parent DO INSTEAD NOTHING`,
		`ALTER TABLE parent ENABLE ROW LEVEL SECURITY`, `CREATE POLICY mine ON parent USING (a = 1)`, `GRANT SELECT (a) ON parent TO "group"`,
		`ALTER DEFAULT PRIVILEGES FOR ROLE `+role+` GRANT SELECT ON TABLES TO "group"`,
		`CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple)`,
		`CREATE PUBLICATION everything FOR ALL TABLES`, `CREATE PUBLICATION one FOR TABLE parent`,
		`CREATE SUBSCRIPTION "Su""b" CONNECTION 'host=/nowhere dbname=x password=`+subscriptionSecret+`' PUBLICATION p WITH (connect = false)`,
		`CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nowhere')`,
		`CREATE USER MAPPING FOR `+role+` SERVER elsewhere OPTIONS (user 'x', password '`+mappingSecret+`')`,
		`CREATE FOREIGN TABLE far (id int) SERVER elsewhere`,
		`SELECT lo_from_bytea(4711, 'large')`, `COMMENT ON LARGE OBJECT 4711 IS 'large'`, `GRANT SELECT ON LARGE OBJECT 4711 TO "group"`,
		`CREATE FUNCTION stop_it() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'it fired'; END $$`,
		`CREATE EVENT TRIGGER stopping ON ddl_command_start EXECUTE FUNCTION stop_it()`,
		`CREATE EVENT TRIGGER ending ON ddl_command_end EXECUTE FUNCTION stop_it()`, `ALTER EVENT TRIGGER ending ENABLE ALWAYS`,
	)
	s.Exec(t, hostileDatabase, statements...)
}

// rehearsal is one of s for an upgrade to major.
func rehearsal(t *testing.T, s *pgtest.Server, to int) green.Rehearsal {
	t.Helper()
	pgtest.NeedUpgrade(t, s.Cluster.Major, to)
	programs, err := pgctl.Find(to)
	if err != nil {
		t.Fatal(err)
	}
	return green.Rehearsal{
		Blue: s.Cluster, Server: s.Server, New: programs, Schema: true,
		Directory: filepath.Join(filepath.Dir(s.Cluster.DataDirectory), "parent", "green.rehearsal"),
	}
}

func rehearse(t *testing.T, r green.Rehearsal) []finding.Finding {
	t.Helper()
	found, err := r.Run(t.Context(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	gone(t, r)
	return found
}

// gone fails the test where something of the rehearsal is left.
func gone(t *testing.T, r green.Rehearsal) {
	t.Helper()
	if parent := filepath.Dir(r.Directory); exists(parent) {
		t.Errorf("%s is still there", parent)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func show(found []finding.Finding) string {
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "%s blocks %s: %s\n  %s\n  %s\n", f.Check, f.Blocks, f.Object, f.Reason, f.Fix)
	}
	return b.String()
}

func TestARehearsalOfAHealthyClusterFindsNothing(t *testing.T) {
	for _, from := range []int{13, 15, 17} {
		t.Run(fmt.Sprint(from), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, from)
			fill(t, s)
			r := rehearsal(t, s, 18)
			var events []string
			found, err := r.Run(t.Context(), progress.Reporter(func(e progress.Event) { events = append(events, e.Message+e.Doing) }).Step("check"))
			if err != nil {
				t.Fatal(err)
			}
			gone(t, r)
			if len(found) > 0 {
				t.Errorf("found\n%s", show(found))
			}
			if !slices.ContainsFunc(events, func(e string) bool { return strings.Contains(e, `restoring the schema of database "sh""op`) }) {
				t.Errorf("progress said %q", events)
			}
		})
	}
}
