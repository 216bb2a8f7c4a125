package green

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// entry is an object that pg_restore could not make, and the server's message.
type entry struct {
	class, oid uint32 // in blue's catalogs; 0 for what has no row of its own, such as privileges
	toc        string // as pg_restore calls it: its kind, its name, its owner
	message    string

	kind, name, identity string // as blue calls it (pg_identify_object); empty where it cannot say
	extension            string // whose member it is, as SQL writes it; may be empty
}

var tocEntry = regexp.MustCompile(`^pg_restore: from TOC entry \d+; (\d+) (\d+) (.*)$`)

const restoreError = "pg_restore: error: could not execute query: ERROR:  "

// restoreErrors reads the errors out of what pg_restore said. Of several for one object, the first counts. The statements, which it
// prints too, are not kept: they may hold secrets.
func restoreErrors(said string) []entry {
	var entries []entry
	var current entry
	taken := false
	for line := range strings.Lines(said) {
		line = strings.TrimRight(line, "\r\n")
		if m := tocEntry.FindStringSubmatch(line); m != nil {
			current, taken = entry{toc: strings.TrimPrefix(m[3], "USER MAPPING ")}, false // their name begins with it once more
			_, _ = fmt.Sscan(m[1], &current.class)                                        // the pattern lets only numbers through
			_, _ = fmt.Sscan(m[2], &current.oid)
			continue
		}
		message, isError := strings.CutPrefix(line, restoreError)
		if isError && !taken {
			current.message, taken = message, true
			entries = append(entries, current)
		}
	}
	return entries
}

// lastWords returns what a program said of errors, without statements.
func lastWords(said string) string {
	var lines []string
	for line := range strings.Lines(said) {
		if strings.Contains(line, "error:") || strings.Contains(line, "detail:") || strings.Contains(line, "ERROR:") || strings.Contains(line, "FATAL:") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// name fills in how blue calls the objects.
func name(ctx context.Context, conn *pgx.Conn, entries []entry) error {
	var classes, oids []uint32
	var places []int32
	for i, e := range entries {
		if e.class != 0 {
			classes, oids, places = append(classes, e.class), append(oids, e.oid), append(places, int32(i))
		}
	}
	rows, _ := conn.Query(ctx, `SELECT place, o.type, coalesce(o.name, ''), o.identity,
			coalesce((SELECT quote_ident(x.extname) FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
				WHERE d.classid = class AND d.objid = e.oid AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass), '')
		FROM unnest($1::oid[], $2::oid[], $3::int[]) AS e(class, oid, place), LATERAL pg_identify_object(class, e.oid, 0) o
		WHERE o.identity IS NOT NULL`, classes, oids, places) // it is NULL for what has been dropped meanwhile
	var i int
	var kind, name, identity, extension string
	_, err := pgx.ForEachRow(rows, []any{&i, &kind, &name, &identity, &extension}, func() error {
		e := &entries[i]
		e.kind, e.name, e.identity, e.extension = kind, name, identity, extension
		return nil
	})
	if err != nil {
		return fmt.Errorf("ask blue for the names of what could not be restored: %w", err)
	}
	return nil
}

// schemaFindings describes what could not be restored. Of an extension the first member speaks for all. What failed only because something
// before it did says so; where it is no object of its own, such as a comment, it goes without saying.
func schemaFindings(entries []entry, database string, major int) []finding.Finding {
	var findings []finding.Finding
	told := map[string]bool{}
	for i, e := range entries {
		if told[e.extension] {
			continue
		}
		told[e.extension] = e.extension != ""
		f := finding.Finding{
			Check: schemaCheck, Blocks: finding.Upgrade, Object: e.object(), Database: database,
			Reason: fmt.Sprintf("PostgreSQL %d does not take it, and so pg_upgrade will fail: %s.", major, strings.TrimSuffix(e.message, ".")),
			Fix:    e.fix(database, major),
		}
		if e.extension != "" {
			f.Reason = fmt.Sprintf("PostgreSQL %d does not take its %s %s, and so pg_upgrade will fail: %s.", major, e.kind, e.identity,
				strings.TrimSuffix(e.message, "."))
		}
		switch {
		case strings.HasPrefix(e.toc, "DATABASE PROPERTIES "):
			f.Object = "settings of database " + postgres.Ident(database)
		case e.kind != "database":
			f.Object += " in database " + postgres.Ident(database)
		}
		if cause := e.follows(entries[:i]); cause != nil {
			if e.identity == "" {
				continue
			}
			f.Fix = fmt.Sprintf("Mend %s first: this failed because of it.", cause.object())
		}
		findings = append(findings, f)
	}
	return findings
}

func (e entry) object() string {
	switch {
	case e.extension != "":
		return "extension " + e.extension
	case e.identity != "":
		return e.kind + " " + e.identity
	}
	return e.toc
}

// follows returns what e failed because of, nil where that is itself.
func (e entry) follows(earlier []entry) *entry {
	if !strings.Contains(e.message, "does not exist") && !strings.Contains(e.message, "is not a member of extension") {
		return nil
	}
	for i, other := range earlier {
		name, _, _ := strings.Cut(other.identity, "(") // messages spell a function's arguments differently
		if name != "" && mentions(e.message, name) || other.name != "" && mentions(e.message, other.name) {
			return &earlier[i]
		}
	}
	return nil
}

// mentions tells whether a message names an object. Messages put quotes around names as they are, SQL quotes each where it has to.
func mentions(message, name string) bool {
	plain := func(s string) string { return strings.ReplaceAll(s, `"`, "") }
	return regexp.MustCompile(`(^|[^\pL\pN_$.])` + regexp.QuoteMeta(plain(name)) + `($|[^\pL\pN_$])`).MatchString(plain(message))
}

var (
	unknownSetting = regexp.MustCompile(`(?:unrecognized|invalid) configuration parameter(?: name)? "([^"]+)"`)
	noLibrary      = regexp.MustCompile(`could not (?:access file|find function|load library)`)
)

// settingName writes the name of a setting as SQL does: an extension's has a dot between two names.
func settingName(name string) string { return postgres.Ident(strings.Split(name, ".")...) }

// fix says what mends it.
func (e entry) fix(database string, major int) string {
	if m := unknownSetting.FindStringSubmatch(e.message); m != nil {
		switch e.kind {
		case "function", "procedure":
			return fmt.Sprintf("ALTER %s %s RESET %s;", strings.ToUpper(e.kind), e.identity, settingName(m[1]))
		}
		return fmt.Sprintf("ALTER DATABASE %s RESET %s; or, where it is set for a role: ALTER ROLE ... IN DATABASE %[1]s RESET %[2]s;",
			postgres.Ident(database), settingName(m[1]))
	}
	change := fmt.Sprintf("Change it on blue so that PostgreSQL %d takes it too", major)
	if noLibrary.MatchString(e.message) {
		change = fmt.Sprintf("Install the package that brings its library for PostgreSQL %d", major)
	}
	if e.extension != "" {
		return fmt.Sprintf("%s; or ALTER EXTENSION %s UPDATE; or DROP EXTENSION %[2]s;", change, e.extension)
	}
	switch e.kind {
	case "view", "materialized view", "function", "procedure", "aggregate", "operator", "rule", "trigger", "event trigger", "policy", "index", "publication":
		return fmt.Sprintf("%s; or DROP %s %s;", change, strings.ToUpper(e.kind), e.identity)
	}
	return change + ", or drop it."
}

var globalError = regexp.MustCompile(`^psql:<stdin>:\d+: (ERROR|STATEMENT): {2}(.*)$`)

var globalStatement = regexp.MustCompile(`^(?:ALTER|CREATE|COMMENT ON) ROLE ("(?:[^"]|"")*")`)

// globalFindings describes the roles, their settings and memberships that could not be restored.
func globalFindings(said string, major int) []finding.Finding {
	var findings []finding.Finding
	message := ""
	for line := range strings.Lines(said) {
		m := globalError.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			continue
		}
		if m[1] == "ERROR" {
			message = m[2]
			continue
		}
		f := finding.Finding{
			Check: schemaCheck, Blocks: finding.Upgrade, Object: "roles and their privileges",
			Reason: fmt.Sprintf("PostgreSQL %d does not take it, and so pg_upgrade will fail: %s.", major, strings.TrimSuffix(message, ".")),
			Fix:    fmt.Sprintf("Change it on blue so that PostgreSQL %d takes it too.", major),
		}
		if role := globalStatement.FindStringSubmatch(m[2]); role != nil {
			f.Object = "role " + role[1]
			if unknown := unknownSetting.FindStringSubmatch(message); unknown != nil {
				f.Fix = fmt.Sprintf("ALTER ROLE %s RESET %s;", role[1], settingName(unknown[1]))
			}
		}
		findings = append(findings, f)
	}
	return findings
}
