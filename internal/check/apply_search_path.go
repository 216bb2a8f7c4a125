package check

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
)

const applySearchPathWhy = `Apply runs with an empty search_path, and from 17 on so do ANALYZE, REINDEX and the like. A function in an index, a
CHECK constraint, a generated column or a partition key that names a table, a type or another function without its schema works for clients, and
stops apply at the first row. pgteal reads such functions and does not run them: whoever owns a table must not be able to run something as a
superuser. So it can be wrong, and it does not see operators of extensions.`

// computedSQL finds the functions that apply computes, each with one of the places where it stands.
const computedSQL = `SELECT DISTINCT ON (d.refobjid) d.refobjid, pg_describe_object(d.classid, d.objid, d.objsubid)
	FROM pg_depend d LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
	LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
	LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
	LEFT JOIN pg_attribute a ON a.attrelid = coalesce(f.adrelid, c.oid) AND a.attnum = coalesce(f.adnum, d.objsubid) -- up to 14 the column itself depends
	WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid >= 16384
		AND (c.relkind IN ('i', 'p') AND c.relpersistence = 'p' OR k.contype = 'c' OR %[1]s OR d.classid = to_regclass('pg_catalog.pg_statistic_ext'))
	ORDER BY d.refobjid, d.classid, d.objid`

// function is one that somebody wrote in SQL or a procedural language.
type function struct {
	OID       uint32
	Signature string
	Name      [2]string // its schema's, and its own
	Source    string
	Settled   bool // it has a search_path of its own
}

const functionsSQL = `SELECT p.oid, p.oid::regprocedure::text, ARRAY[n.nspname::text, p.proname::text], p.prosrc,
	p.prosrc ILIKE '%search\_path%' OR EXISTS (SELECT FROM unnest(p.proconfig) o WHERE o LIKE 'search\_path=%')
	FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
	WHERE p.oid >= 16384 AND l.lanname NOT IN ('c', 'internal')`

// namesSQL lists what lies in schemas that are not the server's own: a name, and its schema. What the server has by the same name is found there.
var namesSQL = map[string]string{
	"function": `SELECT p.proname, quote_ident(n.nspname) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid >= 16384
		AND NOT EXISTS (SELECT FROM pg_proc s WHERE s.proname = p.proname AND s.pronamespace = 'pg_catalog'::regnamespace)`,
	"relation": `SELECT c.relname, quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_'`,
	"type": `SELECT t.typname, quote_ident(n.nspname) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
		WHERE t.oid >= 16384 AND n.nspname !~ '^pg_'`,
}

const (
	// Folding the case of these ranges would take 80 ms at every start of pgteal.
	word = `(?:[A-Za-z_\x{80}-\x{10FFFF}][\w$\x{80}-\x{10FFFF}]*|"(?:[^"]|"")+")`
	path = `((?-i:` + word + `(?:\s*\.\s*` + word + `)*))`
)

// Where a body names something, as far as that can be seen without the language's own parser.
var (
	silent   = regexp.MustCompile(`--[^\n]*|(?s:/\*.*?\*/)|'(?:[^']|'')*'`) // comments and strings
	noTables = regexp.MustCompile(`(?i)\b(?:extract|trim|substring|overlay)\s*\([^()]*\)|\bdistinct\s+from\b`)
	mentions = map[string][]*regexp.Regexp{
		"function": {regexp.MustCompile(`(?i)` + path + `\s*\(`)},
		"relation": {regexp.MustCompile(`(?i)\b(?:from|join|update)\s+(?:only\s+)?` + path), regexp.MustCompile(`(?i)` + path + `\s*%\s*(?:row)?type\b`)},
		"type":     {regexp.MustCompile(`(?i)::\s*` + path), regexp.MustCompile(`(?i)\bas\s+` + path + `\s*(?:\(\s*\d[\d\s,]*\))?\s*\)`)},
	}
	// What a body itself gives a name: WITH queries, and the variables of PL/pgSQL, whose types stand behind them.
	queries   = regexp.MustCompile(`(?i)(?:\bwith|\brecursive|,)\s+` + path + `\s*(?:\([^()]*\)\s*)?as\s*(?:(?:not\s+)?materialized\s*)?\(`)
	declared  = regexp.MustCompile(`(?is)\bdeclare\b(.*?)\bbegin\b`)
	variables = regexp.MustCompile(`(?im)(?:^|;)\s*` + path + `\s+(?:constant\s+)?` + path)
)

func applySearchPath(ctx context.Context, s *Session) ([]finding.Finding, error) {
	generated := "false" // they came with 12
	if s.Major >= 12 {
		generated = "a.attgenerated <> ''"
	}
	type use struct {
		OID   uint32
		Place string
	}
	rows, _ := s.conn.Query(ctx, strings.ReplaceAll(computedSQL, "%[1]s", generated))
	uses, err := pgx.CollectRows(rows, pgx.RowToStructByPos[use])
	if err != nil || len(uses) == 0 {
		return nil, err
	}
	rows, _ = s.conn.Query(ctx, functionsSQL)
	functions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[function])
	if err != nil {
		return nil, err
	}
	byOID, byName := map[uint32]function{}, map[[2]string][]uint32{}
	for _, f := range functions {
		byOID[f.OID] = f
		byName[f.Name] = append(byName[f.Name], f.OID)
	}
	known, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	var found []finding.Finding
	seen := map[uint32]bool{}
	for len(uses) > 0 { // what such a function calls runs with the same search_path
		is := uses[0]
		uses = uses[1:]
		f, ours := byOID[is.OID]
		if !ours || seen[is.OID] || f.Settled {
			continue
		}
		seen[is.OID] = true
		missing, calls := f.mentions(known)
		for _, name := range calls {
			for _, oid := range byName[name] {
				uses = append(uses, use{oid, is.Place})
			}
		}
		if len(missing) > 0 {
			found = append(found, s.unsettled(f, is.Place, missing))
		}
	}
	return found, nil
}

func (s *Session) unsettled(f function, place string, missing map[string]string) finding.Finding {
	names := slices.Sorted(maps.Keys(missing))
	schemas := slices.Compact(slices.Sorted(maps.Values(missing)))
	return finding.Finding{
		Blocks: finding.Nothing, Object: s.in("function " + f.Signature),
		Reason: "It is computed in " + place + ", and names " + strings.Join(names, ", ") + " without a schema, as far as pgteal can read it. With the empty " +
			"search_path of apply that fails: green would stop at the first row, before the switchover.",
		Fix: "ALTER FUNCTION " + f.Signature + " SET search_path = " + strings.Join(schemas, ", ") + ";",
	}
}

// names returns the schemas of functions, relations and types by their names.
func (s *Session) names(ctx context.Context) (map[string]map[string]string, error) {
	all := map[string]map[string]string{}
	for kind, sql := range namesSQL {
		names := map[string]string{}
		rows, _ := s.conn.Query(ctx, sql)
		var name, schema string
		_, err := pgx.ForEachRow(rows, []any{&name, &schema}, func() error {
			names[name] = schema
			return nil
		})
		if err != nil {
			return nil, err
		}
		all[kind] = names
	}
	return all, nil
}

// mentions returns what the function names without a schema, with the schema, and the functions that it calls by schema and name.
func (f function) mentions(known map[string]map[string]string) (missing map[string]string, calls [][2]string) {
	body := noTables.ReplaceAllString(silent.ReplaceAllString(f.Source, " "), " ")
	own := map[string]bool{}
	for _, query := range queries.FindAllStringSubmatch(body, -1) {
		own[identifiers(query[1])[0]] = true
	}
	missing = map[string]string{}
	mention := func(kind, name string) {
		parts := identifiers(name)
		switch schema, ok := known[kind][parts[0]]; {
		case len(parts) == 1 && ok && !own[parts[0]]:
			missing[kind+" "+parts[0]] = schema
		case len(parts) == 2 && kind == "function":
			calls = append(calls, [2]string{parts[0], parts[1]})
		}
	}
	for _, block := range declared.FindAllStringSubmatch(body, -1) {
		for _, variable := range variables.FindAllStringSubmatch(block[1], -1) {
			own[identifiers(variable[1])[0]] = true
			mention("type", variable[2])
		}
	}
	for kind, forms := range mentions {
		for _, form := range forms {
			for _, match := range form.FindAllStringSubmatch(body, -1) {
				mention(kind, match[1])
			}
		}
	}
	return missing, calls
}

// identifiers splits a name at its dots, and folds its parts as the server does (https://www.postgresql.org/docs/current/sql-syntax-lexical.html).
func identifiers(path string) (parts []string) {
	for _, part := range identifier.FindAllString(path, -1) {
		if strings.HasPrefix(part, `"`) {
			part = strings.ReplaceAll(part[1:len(part)-1], `""`, `"`)
		} else {
			part = strings.ToLower(part)
		}
		parts = append(parts, part)
	}
	return parts
}

var identifier = regexp.MustCompile(`"(?:[^"]|"")+"|[^\s."]+`)
