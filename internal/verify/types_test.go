package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/pgtest"
)

// zoo has a value or more of every kind of type, hard cases first. Each must be the same on both sides, and each must be seen to
// differ from all others of its type.
var zoo = map[string][]string{
	"numeric":       {"'1.0'", "'1.00'", "'NaN'", "'-1e-30'", "'1e300'", "'0'", "'0.0'"},
	"numeric(10,2)": {"'1.5'", "'NaN'"},
	"float8": {
		"'-0'", "'0'", "'NaN'", "'Infinity'", "'-Infinity'", "'0.1'", "'0.30000000000000004'", "'0.3'",
		"'5e-324'", "'1.7976931348623157e308'",
	},
	"float4": {"'-0'", "'0'", "'NaN'", "'16777217'", "'0.1'", "'1e-45'"},
	"int2":   {"-32768", "0"},
	"int4":   {"-2147483648", "0"},
	"int8":   {"-9223372036854775808", "0"},
	"bool":   {"true", "false"},
	"money":  {"'1.23'", "'-1234567.89'"},
	"text": {
		"''", "' '", "','", "'NULL'", "'\"'", "'()'", "E'\\\\'", "E'a\\nb'",
		"'é'", "E'e\\u0301'", "repeat('long', 100000)",
	},
	"varchar(5)":                   {"'a'", "'a '"},
	"char(5)":                      {"'a'", "'b'"},
	`"char"`:                       {"'a'", "''", `(-1)::"char"`, `(-2)::"char"`},
	`"char"[]`:                     {`ARRAY['a', (-3)::"char"]`},
	"name":                         {"'a'", "repeat('é', 31)"},
	"bytea":                        {`'\x'`, `'\x00'`, `'\xdeadbeef'`},
	"date":                         {"'infinity'", "'-infinity'", "'0044-03-15 BC'", "'2024-02-29'"},
	"time":                         {"'24:00'", "'00:00:00.000001'"},
	"timetz":                       {"'12:00+02'", "'12:00-12:30'"},
	"timestamp":                    {"'infinity'", "'0001-01-01 BC'", "'2024-01-01 00:00:00.123456'"},
	"timestamptz":                  {"'infinity'", "'-infinity'", "'2024-01-01 00:00:00.1+13'", "'1800-01-01'"},
	"interval":                     {"'1 mon'", "'30 days'", "'720 hours'", "'-1 year 2 mons -3 days 04:05:06.7'"},
	"json":                         {`'{"a": 1, "a":2}'`, `'{"a":1,"a":2}'`, `'null'`},
	"jsonb":                        {`'{"b": 1.0, "a": [null]}'`, `'{"b": 1.00, "a": [null]}'`, `'null'`, `'"\u00e9"'`},
	"jsonpath":                     {`'$.a[*] ? (@ > 1)'`, `'strict $.b'`},
	"xml":                          {"'<a/>'", "'<a></a>'", "'text, <b>mixed</b>'", "xmlparse(document '<?xml version=\"1.0\"?><a/>')"},
	"uuid":                         {"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"},
	"bit(3)":                       {"'101'"},
	"varbit":                       {"''", "'0'", "'00'"},
	"inet":                         {"'10.0.0.1'", "'10.0.0.1/8'", "'::1'"},
	"cidr":                         {"'10.0.0.0/8'"},
	"macaddr":                      {"'08:00:2b:01:02:03'"},
	"macaddr8":                     {"'08:00:2b:01:02:03:04:05'"},
	"point":                        {"'(0,-0)'", "'(0.1,1e300)'", "'(0,0)'"},
	"line":                         {"'{1,2,3}'"},
	"lseg":                         {"'[(0,0),(1,1)]'"},
	"box":                          {"'(1,1),(0,0)'"},
	"path":                         {"'[(0,0),(1,1)]'", "'((0,0),(1,1))'"},
	"polygon":                      {"'((0,0),(1,1),(1,0))'"},
	"circle":                       {"'<(0,0),0.1>'"},
	"tsvector":                     {"'a:1A b:2'", "'a b'"},
	"tsquery":                      {"'a & (b | !c:*A)'"},
	"pg_lsn":                       {"'16/B374D848'"},
	"oid":                          {"4294967295"},
	"regclass":                     {"'pg_class'", "'public.zoo_int4'"},
	"regtype":                      {"'int4'", "'public.mood'"},
	"regrole":                      {"'postgres'"},
	"txid_snapshot":                {"'10:20:10,14'"},
	"int4[]":                       {"'{}'", "'{NULL}'", "'{{1,2},{3,4}}'", "'[0:1]={1,2}'", "'{1,2}'"},
	"text[]":                       {`'{"",NULL,"NULL","a,b"}'`, `'{"a","b"}'`},
	"float8[]":                     {"'{NaN,-0,0.1}'", "'{NaN,0,0.1}'"},
	"int4range":                    {"'empty'", "'[1,5)'", "'(,)'"},
	"numrange":                     {"'[1.0,2]'", "'[1.00,2]'"},
	"tstzrange":                    {"'[2024-01-01,infinity]'", "'[2024-01-01,)'"},
	"public.mood":                  {"'sad'", "'very, \"happy\"'"},
	"public.mood[]":                {"'{sad}'"},
	"public.complex":               {"'(1.5,)'", `'(1.5,"")'`, `'(,"a ""b"", c")'`},
	"public.complex[]":             {`ARRAY['(1,x)'::public.complex]`},
	"public.positive":              {"1"},
	"public.flag":                  {`(-4)::"char"`},
	"public.complex_domain":        {"'(2,y)'"},
	"public.mood_range":            {"'[sad,sad]'"},
	"public.citext":                {"'A'", "'a'"},
	"public.hstore":                {`'a=>1, b=>NULL'`, `'a=>NULL, b=>1'`},
	"text COLLATE \"insensitive\"": {"'A'", "'a'"},
}

const zooTypes = `
	CREATE TYPE mood AS ENUM ('sad', 'very, "happy"');
	CREATE TYPE complex AS (r float8, i text);
	CREATE DOMAIN positive AS int CHECK (VALUE > 0);
	CREATE DOMAIN flag AS "char";
	CREATE DOMAIN complex_domain AS complex;
	CREATE TYPE mood_range AS RANGE (subtype = mood);
	CREATE COLLATION insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);`

func TestEveryTypeIsComparedExactly(t *testing.T) {
	s := start(t, 13, 18)
	s.blue.Exec(t, "postgres", `ALTER SYSTEM SET extra_float_digits = -5`, `ALTER SYSTEM SET bytea_output = escape`,
		`ALTER SYSTEM SET IntervalStyle = iso_8601`,
		`ALTER SYSTEM SET TimeZone = 'Asia/Kathmandu'`, `ALTER SYSTEM SET DateStyle = 'German'`,
		`ALTER SYSTEM SET quote_all_identifiers = on`, `SELECT pg_reload_conf()`)
	setup := []string{zooTypes}
	for _, extension := range []string{"citext", "hstore"} {
		if s.has(t, extension) {
			setup = append(setup, "CREATE EXTENSION "+extension)
		}
	}
	var tables, filled []string
	rows := int64(0)
	for i, sqlType := range sorted(zoo) {
		extension := strings.TrimPrefix(sqlType, "public.")
		if (extension == "citext" || extension == "hstore") && !s.has(t, extension) {
			continue
		}
		table := fmt.Sprintf("zoo_%d", i)
		if sqlType == "int4" {
			table = "zoo_int4"
		}
		tables = append(tables, table)
		setup = append(setup, fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, v %s)", table, sqlType))
		for n, value := range zoo[sqlType] {
			filled = append(filled, fmt.Sprintf("INSERT INTO %s VALUES (%d, %s)", table, n, value))
			rows++
		}
		filled = append(filled, fmt.Sprintf("INSERT INTO %s VALUES (-1, NULL)", table))
		rows++
	}
	setup = append(setup, "CREATE TABLE made (id int PRIMARY KEY, doubled int GENERATED ALWAYS AS (id * 2) STORED)")
	filled = append(filled, "INSERT INTO made VALUES (1)")
	d := s.replicate(t, "zoo", setup...)
	d.on(t, s.blue, filled...)
	wantEqual(t, d.verify(t), int64(len(tables)+1), rows+1)

	// Each value is exchanged for the next one of its type, and every row is found.
	var exchange, want []string
	for i, sqlType := range sorted(zoo) {
		table := fmt.Sprintf("zoo_%d", i)
		if sqlType == "int4" {
			table = "zoo_int4"
		}
		if !slices.Contains(tables, table) {
			continue
		}
		exchange = append(exchange, fmt.Sprintf(
			"UPDATE %s SET v = (SELECT v FROM %[1]s AS other WHERE other.id = (%[1]s.id + 2) %% %d - 1)", table, len(zoo[sqlType])+1))
		for id := range len(zoo[sqlType]) + 1 {
			want = append(want, fmt.Sprintf("different public.%s id=%d", table, id-1))
		}
	}
	d.on(t, s.green, exchange...)
	wantDifferences(t, d.verify(t), want...)
}

func sorted(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// has tells whether both servers can have an extension: it is in a package of its own on some systems.
func (s servers) has(t *testing.T, extension string) bool {
	t.Helper()
	for _, server := range []*pgtest.Server{s.blue, s.green} {
		var available bool
		err := server.Connect(t, "postgres").QueryRow(t.Context(),
			"SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = $1)", extension).Scan(&available)
		if err != nil || !available {
			return false
		}
	}
	return true
}
