package check_test

// healthy are objects that look like faults and are none.
var healthy = []string{
	`CREATE SCHEMA "We""ird; DROP"`,
	`SET search_path = "We""ird; DROP"`,
	`CREATE TABLE "T""; DROP" ("c""; DROP" int PRIMARY KEY, x json, y point, of regclass, typ regtype, owner regrole)`,
	`CREATE TABLE by_index (id int NOT NULL UNIQUE, x xml)`,
	`ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_id_key`,
	`CREATE DOMAIN small AS int CHECK (VALUE < 10)`,
	`CREATE TYPE pair AS (a int, b text)`,
	`CREATE TYPE mood AS ENUM ('good', 'bad')`,
	`CREATE TABLE whole (a int, b text[], c varchar, d cidr, e small, f pair, g mood, h int4range,
		i jsonb, j char(3), k name, l oidvector)`,
	`ALTER TABLE whole REPLICA IDENTITY FULL`,
	`CREATE TABLE whole_with_key (id int PRIMARY KEY, x json)`, // the key is what apply looks it up by
	`ALTER TABLE whole_with_key REPLICA IDENTITY FULL`,
	`CREATE TABLE part (id int NOT NULL) PARTITION BY RANGE (id)`, // only its leaves are published
	`CREATE TABLE part_1 PARTITION OF part (PRIMARY KEY (id)) FOR VALUES FROM (0) TO (10)`,
	`CREATE TEMP TABLE passing (x int)`,
	`CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
	`CREATE TRIGGER ordinary BEFORE INSERT ON by_index FOR EACH ROW EXECUTE FUNCTION pass()`,
	`CREATE TRIGGER statements AFTER INSERT ON by_index FOR EACH STATEMENT EXECUTE FUNCTION pass()`,
	`ALTER TABLE by_index ENABLE ALWAYS TRIGGER statements`, // apply fires row triggers only
	`CREATE RULE always AS ON INSERT TO by_index DO ALSO NOTHING`,
	`ALTER TABLE by_index ENABLE ALWAYS RULE always`, // apply knows no rules
	`CREATE SEQUENCE numbers`,
	`CREATE VIEW catalog AS SELECT * FROM pg_proc`, // stores nothing
	`CREATE EXTENSION hstore`,
	`CREATE EXTENSION isn`,
	`CREATE EXTENSION citext`,
	`CREATE EXTENSION postgres_fdw`,
	`CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw`,
}
