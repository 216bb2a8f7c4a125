package demo

// weird is the database of somebody who tried what names can be. A tool that forgets to quote, or that finds tables by their names
// and not by their schemas, does not survive it.
func weird() content {
	return content{Weird, []part{
		{"schema", `CREATE SCHEMA "We""ird Schema" AUTHORIZATION "Weird ""Owner"""; SET LOCAL ROLE "Weird ""Owner""";
			SET LOCAL search_path = "We""ird Schema";` + weirdTables},
		{"large rows", weirdRows + `RESET ROLE;` + grantSQL(`"We""ird Schema"`)},
	}}
}

const weirdTables = `
CREATE TABLE "select" ("from" serial PRIMARY KEY, "WHERE" text, "a.b" integer, "tab	and 'quote'" text DEFAULT 'it''s \ this');
COMMENT ON TABLE "select" IS 'a "comment"; with '' everything \ in it';
INSERT INTO "select" ("WHERE", "a.b") SELECT E'line\nand tab\t' || i, i FROM generate_series(1, $rows(5000)) i;
CREATE TABLE "Table; DROP TABLE x" (
	"Key One" integer, "key one" text, "naïve ünïcode 表" text, PRIMARY KEY ("Key One", "key one"));
INSERT INTO "Table; DROP TABLE x" SELECT i, 'key ' || i, '表' || chr(19968 + i % 10000) FROM generate_series(1, $rows(5000)) i;
CREATE TABLE "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt3" (
	id bigint GENERATED ALWAYS AS IDENTITY (INCREMENT BY -2) PRIMARY KEY);
INSERT INTO "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt3" SELECT FROM generate_series(1, 100);
CREATE TABLE no_columns ();
ALTER TABLE no_columns REPLICA IDENTITY FULL;
CREATE TABLE only_a_key (id integer PRIMARY KEY);
CREATE TABLE dropped_columns (id integer PRIMARY KEY, gone text, stays text NOT NULL, "gone too" jsonb);
INSERT INTO dropped_columns SELECT i, 'x', 'stays ' || i, '{}' FROM generate_series(1, 1000) i;
ALTER TABLE dropped_columns DROP gone, DROP "gone too", ADD later integer NOT NULL DEFAULT 7;
CREATE TABLE parent (id integer PRIMARY KEY, what text);
CREATE TABLE child (extra text, PRIMARY KEY (id)) INHERITS (parent);
INSERT INTO parent SELECT i, 'parent' FROM generate_series(1, 100) i;
INSERT INTO child SELECT i, 'child', 'extra' FROM generate_series(1001, 1100) i;
CREATE UNLOGGED TABLE scratch (id integer PRIMARY KEY, note text);
INSERT INTO scratch SELECT i, 'may be lost' FROM generate_series(1, 100) i;
CREATE SEQUENCE "Odd ""sequence""" MINVALUE -9223372036854775808 START WITH -5;
CREATE SEQUENCE never_called;`

// The first table's rows are wide enough to be stored out of line, as they come and compressed.
const weirdRows = `
CREATE TABLE wide (id integer PRIMARY KEY, compressed text, plain text, bits bit varying, net inet, path point, stamp timestamptz);
ALTER TABLE wide ALTER plain SET STORAGE EXTERNAL, ALTER id SET STATISTICS 200;
INSERT INTO wide SELECT i, repeat('compress me ', 2000), repeat(md5(i::text), 300), B'10110', '2001:db8::1/64', point(i, -i),
	CASE i % 3 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' ELSE timestamptz '0044-03-15 12:00+00 BC' END
FROM generate_series(1, 200) i;
CREATE TABLE journal (at timestamptz, what text, how_much real);
ALTER TABLE journal REPLICA IDENTITY FULL;
INSERT INTO journal SELECT timestamptz '2024-01-01 00:00+00' + i * interval '1 second', nullif('event ' || i % 10, 'event 3'), i / 3.0
FROM generate_series(1, $rows(10000)) i;
INSERT INTO journal VALUES (NULL, NULL, 'NaN'), (NULL, NULL, 'NaN'), (NULL, NULL, '-Infinity');`
