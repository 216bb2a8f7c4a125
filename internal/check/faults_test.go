package check_test

import "github.com/pgteal/pgteal/internal/finding"

// fault is something wrong in a database, and what is to be found. In it, S stands for the schema, D for the database, which
// have hostile names.
type fault struct {
	check  string
	below  int // majors in which it can be; 0 for all
	setup  []string
	blocks finding.Blocks
	object string
	fix    string // what it begins with
	mends  bool   // the fix is SQL that mends it when run as it is
}

var faults = []fault{
	{
		"replica-identity", 0,
		[]string{`CREATE TABLE S."No""key" (x int)`},
		finding.Upgrade, `table S."No""key"`, `ALTER TABLE S."No""key" REPLICA IDENTITY FULL;`, true,
	},
	{
		"replica-identity", 0,
		[]string{`CREATE TABLE S.identity (id int GENERATED ALWAYS AS IDENTITY, x json)`},
		finding.Upgrade, `table S.identity`, `ALTER TABLE S.identity ADD PRIMARY KEY (id);`, true,
	},
	{
		"replica-identity", 0,
		[]string{`CREATE TABLE S.nothing (id int PRIMARY KEY)`, `ALTER TABLE S.nothing REPLICA IDENTITY NOTHING`},
		finding.Upgrade, `table S.nothing`, `ALTER TABLE S.nothing REPLICA IDENTITY DEFAULT;`, true,
	},
	{
		"replica-identity", 0,
		[]string{
			`CREATE TABLE S.gone (id int NOT NULL, x int)`, `CREATE UNIQUE INDEX gone_id ON S.gone (id)`,
			`ALTER TABLE S.gone REPLICA IDENTITY USING INDEX gone_id`, `DROP INDEX S.gone_id`,
		},
		finding.Upgrade, `table S.gone`, `ALTER TABLE S.gone REPLICA IDENTITY FULL;`, true,
	},
	{
		"replica-identity", 0,
		[]string{`CREATE TABLE S.late (id int PRIMARY KEY DEFERRABLE)`},
		finding.Upgrade, `table S.late`, `ALTER TABLE S.late REPLICA IDENTITY FULL;`, true,
	},
	{
		"replica-identity", 0,
		[]string{
			`CREATE TABLE S.indexed (a int NOT NULL, b int NOT NULL, c int)`,
			`CREATE UNIQUE INDEX aa_nullable ON S.indexed (c)`, `CREATE UNIQUE INDEX ab_partial ON S.indexed (a) WHERE b > 0`,
			`CREATE UNIQUE INDEX ac_expression ON S.indexed ((a + b))`, `CREATE INDEX ad_plain ON S.indexed (a)`,
			`ALTER TABLE S.indexed ADD CONSTRAINT ae_deferrable UNIQUE (b) DEFERRABLE`,
			`CREATE UNIQUE INDEX "Right""; DROP" ON S.indexed (a, b) INCLUDE (c)`,
		},
		finding.Upgrade, `table S.indexed`, `ALTER TABLE S.indexed REPLICA IDENTITY USING INDEX "Right""; DROP";`, true,
	},
	{
		"replica-identity", 0,
		[]string{`CREATE TYPE S.shape AS (p point)`, `CREATE DOMAIN S.shapes AS S.shape[]`, `CREATE TABLE S.shapeless (x S.shapes)`},
		finding.Upgrade, `table S.shapeless`, `ALTER TABLE S.shapeless ADD PRIMARY KEY (columns`, false,
	},
	{
		"replica-identity", 0,
		[]string{`CREATE TABLE S.whole_xml (x xml, y int)`, `ALTER TABLE S.whole_xml REPLICA IDENTITY FULL`},
		finding.Upgrade, `table S.whole_xml`, `ALTER TABLE S.whole_xml ADD PRIMARY KEY (columns`, false,
	},
	{
		"replica-identity", 0,
		[]string{
			`CREATE TABLE S.parted (id int, x text) PARTITION BY RANGE (id)`,
			`CREATE TABLE S.leaf PARTITION OF S.parted FOR VALUES FROM (0) TO (10)`,
		},
		finding.Upgrade, `table S.leaf`, `ALTER TABLE S.leaf REPLICA IDENTITY FULL;`, true,
	},
	{
		"replica-triggers", 0,
		[]string{
			`CREATE TABLE S.traced (id int PRIMARY KEY)`,
			`CREATE TRIGGER "Tr""; DROP" BEFORE INSERT ON S.traced FOR EACH ROW EXECUTE FUNCTION S.pass()`,
			`ALTER TABLE S.traced ENABLE ALWAYS TRIGGER "Tr""; DROP"`,
		},
		finding.Upgrade, `trigger "Tr""; DROP" on table S.traced`, `ALTER TABLE S.traced ENABLE TRIGGER "Tr""; DROP";`, true,
	},
	{
		"replica-triggers", 0,
		[]string{
			`CREATE TABLE S.emptied (id int PRIMARY KEY)`,
			`CREATE TRIGGER gone AFTER TRUNCATE ON S.emptied FOR EACH STATEMENT EXECUTE FUNCTION S.pass()`,
			`ALTER TABLE S.emptied ENABLE REPLICA TRIGGER gone`,
		},
		finding.Upgrade, `trigger gone on table S.emptied`, `ALTER TABLE S.emptied DISABLE TRIGGER gone;`, true,
	},
	{
		"replica-triggers", 0,
		[]string{
			`CREATE TABLE S.cloned (id int PRIMARY KEY) PARTITION BY RANGE (id)`,
			`CREATE TABLE S.clone_leaf PARTITION OF S.cloned FOR VALUES FROM (0) TO (10)`,
			`CREATE TRIGGER spreading AFTER INSERT ON S.cloned FOR EACH ROW EXECUTE FUNCTION S.pass()`,
			`ALTER TABLE S.cloned ENABLE ALWAYS TRIGGER spreading`,
		},
		finding.Upgrade, `trigger spreading on table S.clone_leaf`, `ALTER TABLE S.clone_leaf ENABLE TRIGGER spreading;`, true,
	},
	{
		"generated-identity", 0,
		[]string{`CREATE TABLE S.computed (a int, "G""; DROP" int GENERATED ALWAYS AS (a + 1) STORED PRIMARY KEY)`},
		finding.Upgrade, `table S.computed`, `ALTER TABLE S.computed ALTER COLUMN "G""; DROP" DROP EXPRESSION;`, true,
	},
	{"large-objects", 0, []string{`SELECT lo_create(0)`}, finding.Switchover, `large objects`, `Move their content`, false},
	{
		"unlogged-tables", 0,
		[]string{`CREATE UNLOGGED TABLE S.unlogged (x int PRIMARY KEY)`},
		finding.Nothing, `unlogged table S.unlogged`, `ALTER TABLE S.unlogged SET LOGGED;`, false,
	},
	{
		"unlogged-tables", 0,
		[]string{`CREATE TABLE S.logged (id int PRIMARY KEY)`, `CREATE UNLOGGED TABLE S.caching (id int REFERENCES S.logged)`},
		finding.Nothing, `unlogged table S.caching`, `ALTER TABLE S.caching SET LOGGED; or drop the foreign key`, false,
	},
	{
		"materialized-views", 0,
		[]string{`CREATE MATERIALIZED VIEW S.view AS SELECT 1`},
		finding.Nothing, `materialized view S.view`, `REFRESH MATERIALIZED VIEW S.view;`, false,
	},
	{
		"foreign-tables", 0,
		[]string{
			`CREATE EXTENSION IF NOT EXISTS postgres_fdw`,
			`CREATE SERVER "Fa""r; DROP" FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'far', port '5432', fetch_size '10')`,
			`CREATE FOREIGN TABLE S.far (x int) SERVER "Fa""r; DROP"`,
		},
		finding.Nothing, `foreign server "Fa""r; DROP"`, `Let green's host in there; or ALTER SERVER "Fa""r; DROP" OPTIONS`, false,
	},
	{
		"unvalidated-domains", 0,
		[]string{
			`CREATE DOMAIN S."Do""main" AS int`, `CREATE DOMAIN S.over AS S."Do""main"[]`, `CREATE TYPE S.holds AS (x S.over)`,
			`CREATE TABLE S.held (id int PRIMARY KEY, x S.holds)`,
			`ALTER DOMAIN S."Do""main" ADD CONSTRAINT "Po""s" CHECK (VALUE > 0) NOT VALID`,
		},
		finding.Upgrade, `constraint "Po""s" of domain S."Do""main"`, `ALTER DOMAIN S."Do""main" DROP CONSTRAINT "Po""s";`, true,
	},
	{
		"unvalidated-domains", 0,
		[]string{
			`CREATE DOMAIN S.plain AS int`, `CREATE DOMAIN S.above AS S.plain`, `CREATE TABLE S.plainly (id int PRIMARY KEY, x S.above)`,
			`ALTER DOMAIN S.plain ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID`,
			`CREATE DOMAIN S.unused AS int CONSTRAINT c CHECK (VALUE > 0)`, `ALTER DOMAIN S.unused ADD CONSTRAINT d CHECK (VALUE > 1) NOT VALID`,
		},
		finding.Upgrade, `constraint c of domain S.plain`, `ALTER DOMAIN S.plain VALIDATE CONSTRAINT c;`, true,
	},
	{
		"apply-search-path", 0,
		[]string{
			`CREATE FUNCTION public.plain(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 > 0; END'`,
			`CREATE FUNCTION public."F""; DROP"(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN plain($1); END'`,
			`CREATE TABLE S.checked (id int PRIMARY KEY CHECK (public."F""; DROP"(id)))`, `INSERT INTO S.checked VALUES (1)`,
		},
		finding.Nothing, `function public."F""; DROP"(integer)`, `ALTER FUNCTION public."F""; DROP"(integer) SET search_path = public;`, true,
	},
	{
		"subscriptions", 0,
		[]string{`CREATE SUBSCRIPTION "Su""b" CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false)`},
		finding.Switchover, `subscription "Su""b"`, `DROP SUBSCRIPTION "Su""b";`, false,
	},
	{"publications", 0, []string{`CREATE PUBLICATION "Pu""b"`}, finding.Nothing, `publication "Pu""b"`, `ALTER SUBSCRIPTION`, false},
	{
		"data-types", 0,
		[]string{`CREATE TABLE S.reg (id int PRIMARY KEY, "C""; DROP" regproc)`},
		finding.Upgrade, `column "C""; DROP" of table S.reg`, `ALTER TABLE S.reg ALTER COLUMN "C""; DROP" TYPE text;`, true,
	},
	{
		"data-types", 0,
		[]string{`CREATE TABLE S.row_type (id int PRIMARY KEY, x pg_catalog.pg_class)`},
		finding.Upgrade, `column x of table S.row_type`, `Give the column a type without`, false,
	},
	{
		"data-types", 0,
		[]string{
			`CREATE DOMAIN S.names AS regnamespace`, `CREATE TYPE S.composite AS (n S.names[])`,
			`CREATE TABLE S.nested (id int PRIMARY KEY, x S.composite)`,
		},
		finding.Upgrade, `column x of table S.nested`, `Give the column a type without regnamespace`, false,
	},
	{
		"data-types", 0,
		[]string{`CREATE MATERIALIZED VIEW S.reg_view AS SELECT 'now'::regproc AS x WITH NO DATA`},
		finding.Upgrade, `column x of materialized view S.reg_view`, `DROP MATERIALIZED VIEW S.reg_view;`, true,
	},
	{
		"data-types", 16,
		[]string{`CREATE TABLE S.acl (id int PRIMARY KEY, x aclitem[])`},
		finding.Upgrade, `column x of table S.acl`, `Give the column a type without aclitem`, false,
	},
	{
		"postfix-operators", 14,
		[]string{`CREATE OPERATOR S.!!! (LEFTARG = int8, PROCEDURE = numeric_fac)`},
		finding.Upgrade, `operator S.!!! (pg_catalog.int8, NONE)`, `DROP OPERATOR S.!!! (pg_catalog.int8, NONE);`, true,
	},
	{
		"polymorphic-functions", 14,
		[]string{`CREATE AGGREGATE S.gather (anyelement)
		(SFUNC = array_append, STYPE = anyarray, INITCOND = '{}')`},
		finding.Upgrade, `aggregate S.gather(anyelement)`, `DROP aggregate S.gather(anyelement);`, false,
	},
	{
		"encoding-conversions", 14,
		[]string{`CREATE CONVERSION S.odd FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8`},
		finding.Upgrade, `conversion S.odd`, `DROP CONVERSION S.odd;`, true,
	},
	{
		"not-null-inheritance", 18,
		[]string{
			`CREATE TABLE S.parent (id int PRIMARY KEY)`,
			`CREATE TABLE S.child (x int PRIMARY KEY) INHERITS (S.parent)`,
			`ALTER TABLE S.child ALTER COLUMN id DROP NOT NULL`,
		},
		finding.Upgrade, `column id of table S.child`, `ALTER TABLE S.child ALTER COLUMN id SET NOT NULL;`, true,
	},
	{"extensions", 17, []string{`CREATE EXTENSION adminpack`}, finding.Upgrade, `extension adminpack`, `DROP EXTENSION adminpack;`, true},
	{
		"libraries", 17,
		[]string{`CREATE FUNCTION S."Old" () RETURNS bigint LANGUAGE c AS '$libdir/adminpack', 'pg_file_write'`},
		finding.Upgrade, `library $libdir/adminpack`, `DROP FUNCTION S."Old"();`, true,
	},
	{
		"generated-tableoid", 0,
		[]string{`CREATE TABLE S.itself (a int PRIMARY KEY, "G""; DROP" oid GENERATED ALWAYS AS (tableoid) STORED)`},
		finding.Upgrade, `column "G""; DROP" of table S.itself`, `ALTER TABLE S.itself ALTER COLUMN "G""; DROP" DROP EXPRESSION;`, true,
	},
	{
		"generated-inheritance", 16,
		[]string{
			`CREATE TABLE S.origin (a int PRIMARY KEY, "G""; DROP" int)`,
			`CREATE TABLE S.heir (PRIMARY KEY (a), "G""; DROP" int GENERATED ALWAYS AS (a + 1) STORED) INHERITS (S.origin)`,
		},
		finding.Upgrade, `column "G""; DROP" of table S.heir`, `ALTER TABLE S.heir NO INHERIT S.origin; ALTER TABLE S.heir ALTER`, true,
	},
	{
		"generated-inheritance", 16,
		[]string{
			`CREATE TABLE S.plain_parted (a int PRIMARY KEY, b int) PARTITION BY RANGE (a)`,
			`CREATE TABLE S.plain_leaf (a int PRIMARY KEY, b int GENERATED ALWAYS AS (a + 1) STORED)`,
			`ALTER TABLE S.plain_parted ATTACH PARTITION S.plain_leaf FOR VALUES FROM (0) TO (10)`,
		},
		finding.Upgrade, `column b of table S.plain_leaf`, `ALTER TABLE S.plain_parted DETACH PARTITION S.plain_leaf;`, true,
	},
	{
		"generated-identity", 0,
		[]string{
			`CREATE TABLE S.ancestor (a int, b int GENERATED ALWAYS AS (a + 1) STORED)`, `ALTER TABLE S.ancestor ADD PRIMARY KEY (a)`,
			`CREATE TABLE S.descendant (PRIMARY KEY (b)) INHERITS (S.ancestor)`,
		},
		finding.Upgrade, `table S.descendant`, `ALTER TABLE S.ancestor ALTER COLUMN b DROP EXPRESSION;`, true,
	},
	{
		"replica-identity", 0,
		[]string{`CREATE TABLE S.derived (a int, b int GENERATED ALWAYS AS (a + 1) STORED)`},
		finding.Upgrade, `table S.derived`, `ALTER TABLE S.derived ADD PRIMARY KEY (columns`, false,
	},
}
