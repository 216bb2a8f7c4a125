package check

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
)

const foreignTablesWhy = `Foreign tables come with the clone, and so do their servers, user mappings and passwords. What they show is elsewhere, and is neither
cloned nor replicated: green's host has to reach the same place, and be let in there.`

func foreignTables(ctx context.Context, s *Session) ([]finding.Finding, error) {
	// Options of a server hold no password: those are in its user mappings.
	const sql = `SELECT quote_ident(f.srvname), count(*), min(format('%I.%I', n.nspname, c.relname)), coalesce((
			SELECT string_agg(o, ', ') FROM unnest(f.srvoptions) o WHERE o ~ '^(host|hostaddr|port|dbname|service|servername)='), '')
		FROM pg_foreign_table t JOIN pg_foreign_server f ON f.oid = t.ftserver
		JOIN pg_class c ON c.oid = t.ftrelid JOIN pg_namespace n ON n.oid = c.relnamespace GROUP BY f.oid, f.srvname, f.srvoptions`
	type server struct {
		Name    string
		Tables  int64
		Example string
		Where   string
	}
	return find(ctx, s, sql, nil, func(f server) finding.Finding {
		tables, where := "foreign table "+f.Example+" is", ""
		if f.Tables > 1 {
			tables = fmt.Sprintf("%d foreign tables, such as %s, are", f.Tables, f.Example)
		}
		if f.Where != "" {
			where = " (" + f.Where + ")"
		}
		return finding.Finding{
			Blocks: finding.Nothing, Object: s.in("foreign server " + f.Name),
			Reason: fmt.Sprintf("Its %s on green too, with the same options%s and user mappings. They work there only if green's host reaches "+
				"it and is let in.", tables, where),
			Fix: "Let green's host in there; or ALTER SERVER " + f.Name + " OPTIONS (SET ...); on green after the switchover.",
		}
	})
}
