package demo

import (
	"regexp"
	"strconv"
)

var rowsPattern = regexp.MustCompile(`\$rows\((\d+)\)`)

// scaled replaces $rows(N) by N times scale.
func scaled(sql string, scale int) string {
	return rowsPattern.ReplaceAllStringFunc(sql, func(found string) string {
		n, err := strconv.Atoi(rowsPattern.FindStringSubmatch(found)[1])
		if err != nil {
			return found // more digits than an int has: the server will not like it either
		}
		return strconv.Itoa(n * scale)
	})
}

// grantSQL lets App write, and reporting read, in a schema whose quoted name is given.
func grantSQL(schema string) string {
	return `
GRANT USAGE ON SCHEMA ` + schema + ` TO app, reporting;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ` + schema + ` TO app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA ` + schema + ` TO app;
GRANT SELECT ON ALL TABLES IN SCHEMA ` + schema + ` TO reporting;`
}

// extensionSQL makes an extension in public where its module is installed, and then runs more, in which nothing may be quoted with $$.
func extensionSQL(name, more string) string {
	return `
DO $$ BEGIN
	IF EXISTS (SELECT FROM pg_available_extensions WHERE name = '` + name + `') THEN
		CREATE EXTENSION IF NOT EXISTS ` + name + ` SCHEMA public;
		` + more + `
	END IF;
END $$;`
}
