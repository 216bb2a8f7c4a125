package check

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
)

const functionSettingsWhy = `A function or procedure can have settings of its own (CREATE FUNCTION ... SET). pg_upgrade creates it anew with
them. Where the new version does not have the setting, or does not take the value, that fails, and so does pg_upgrade, after the clone has
been made.`

// functionSettingsSQL leaves out what initdb makes, which pg_upgrade does not carry over, and the search path, which is taken as it is.
const functionSettingsSQL = `
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END,
	format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
	coalesce((SELECT quote_ident(e.extname) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
		WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'), ''),
	split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace CROSS JOIN unnest(p.proconfig) o
WHERE p.oid >= 16384 AND NOT starts_with(o, 'search_path=')`

func functionSettings(ctx context.Context, s *Session) ([]finding.Finding, error) {
	type function struct {
		Kind, Name, Extension string
		assignment
	}
	rows, _ := s.conn.Query(ctx, functionSettingsSQL)
	functions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[function])
	if err != nil {
		return nil, err
	}
	assignments := make([]assignment, len(functions))
	for i, f := range functions {
		assignments[i] = f.assignment
	}
	refused, err := s.target.refusals(ctx, assignments)
	var found []finding.Finding
	for _, f := range functions {
		why := refused[f.assignment]
		if why == "" {
			continue
		}
		if f.Extension != "" {
			why += " The " + f.Kind + " belongs to extension " + f.Extension + "."
		}
		found = append(found, finding.Finding{
			Blocks: finding.Upgrade, Object: s.in(fmt.Sprintf("setting %s of %s %s", f.assignment.Name, f.Kind, f.Name)),
			Reason: why + " So pg_upgrade fails at it.",
			Fix:    fmt.Sprintf("ALTER %s %s RESET %s;", strings.ToUpper(f.Kind), f.Name, settingIdent(f.assignment.Name)),
		})
	}
	return found, err
}
