package check

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const storedSettingsWhy = `pg_upgrade gives the new cluster the settings of roles and databases (ALTER ROLE ... SET, ALTER DATABASE ... SET)
and the privileges on parameters (from 15 on) by running the same commands there. Where the new version does not have the setting, or does
not take the value, the command fails, and so does pg_upgrade, after the clone has been made. It does not take along what
ALTER ROLE ALL has set (src/bin/pg_dump/pg_dumpall.c).`

const storedSettingsSQL = `
SELECT coalesce(quote_ident(d.datname), ''), coalesce(quote_ident(r.rolname), ''), coalesce(r.oid = 10, false),
	split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)
FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) o
	LEFT JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole
WHERE (s.setdatabase = 0 OR d.oid IS NOT NULL) AND (s.setrole = 0 OR r.oid IS NOT NULL)
ORDER BY 1, 2, 4`

// stored is a setting of a role, of a database, of a role in a database, or of all roles.
type stored struct {
	Database, Role string // as SQL writes them; empty: all
	Bootstrap      bool   // the role is the one that initdb made, as which pg_upgrade works
	assignment
}

func storedSettings(ctx context.Context, s *Session) ([]finding.Finding, error) {
	rows, _ := s.conn.Query(ctx, storedSettingsSQL)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[stored])
	if err != nil {
		return nil, err
	}
	assignments := make([]assignment, len(all))
	for i, set := range all {
		assignments[i] = set.assignment
	}
	refused, err := s.target.refusals(ctx, assignments)
	if err != nil {
		return nil, err
	}
	target, known, err := installed(ctx, s.Programs)
	if err != nil {
		return nil, err
	}
	var found []finding.Finding
	for _, set := range all {
		why := refused[set.assignment]
		switch {
		case set.Database == "" && set.Role == "":
			found = append(found, set.left(why)...)
		case why != "":
			found = append(found, finding.Finding{
				Blocks: finding.Upgrade, Object: set.object(), Reason: why + " So pg_upgrade fails at it.", Fix: set.reset(),
			})
		case known:
			found = append(found, set.unloadable(target)...)
		}
	}
	privileges, err := s.parameterPrivileges(ctx)
	return append(found, privileges...), err
}

func (set stored) object() string {
	of := "database " + set.Database
	switch {
	case set.Role == "" && set.Database == "":
		of = "all roles"
	case set.Database == "":
		of = "role " + set.Role
	case set.Role != "":
		of = "role " + set.Role + " in database " + set.Database
	}
	return "setting " + set.Name + " of " + of
}

// whose returns the beginning of the command that changes it.
func (set stored) whose() string {
	switch {
	case set.Role == "" && set.Database == "":
		return "ALTER ROLE ALL"
	case set.Role == "":
		return "ALTER DATABASE " + set.Database
	case set.Database == "":
		return "ALTER ROLE " + set.Role
	}
	return "ALTER ROLE " + set.Role + " IN DATABASE " + set.Database
}

func (set stored) reset() string { return set.whose() + " RESET " + settingIdent(set.Name) + ";" }

// left finds what ALTER ROLE ALL has set, which pg_upgrade leaves behind. The fence's own is none of the operator's.
func (set stored) left(why string) []finding.Finding {
	f := finding.Finding{
		Blocks: finding.Nothing, Object: set.object(),
		Reason: "pg_upgrade does not take along what ALTER ROLE ALL has set, so green will not have it. The same setting in blue's " +
			"configuration is carried over.",
		Fix: fmt.Sprintf("ALTER SYSTEM SET %s = %s; SELECT pg_reload_conf();", settingIdent(set.Name), set.literal()),
	}
	switch {
	case set.assignment == assignment{"default_transaction_read_only", "on"}:
		return nil
	case why != "":
		f.Reason = "pg_upgrade does not take along what ALTER ROLE ALL has set, and could not: " + why
		f.Fix = set.reset()
	case strings.Contains(set.Name, "."): // ALTER SYSTEM takes such a name from 17 on only, and its value may be a secret
		f.Reason = "pg_upgrade does not take along what ALTER ROLE ALL has set, so green will not have it."
		f.Fix = fmt.Sprintf("Right after the switchover, on green: ALTER ROLE ALL SET %s = ...; with blue's value.", settingIdent(set.Name))
	}
	return []finding.Finding{f}
}

// unloadable finds libraries that the target does not have, and without which no session of the role or in the database opens there.
func (set stored) unloadable(target installation) []finding.Finding {
	if set.Name != "session_preload_libraries" && set.Name != "local_preload_libraries" {
		return nil
	}
	var missing []string
	for _, library := range list(set.Value) {
		path := library
		if set.Name == "local_preload_libraries" && !strings.Contains(library, "/") {
			path = filepath.Join("$libdir/plugins", library)
		}
		if !target.hasLibrary(path) {
			missing = append(missing, library)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	f := finding.Finding{
		Blocks: finding.Switchover, Object: set.object(),
		Reason: fmt.Sprintf("%s does not have %s, so on green no such session opens.", target.libraries, strings.Join(missing, ", ")),
		Fix:    "Install it for the new version, or " + set.reset(),
	}
	if set.Role == "" || set.Bootstrap {
		f.Blocks = finding.Upgrade
		f.Reason = strings.TrimSuffix(f.Reason, ".") + ", not even pg_upgrade's."
	}
	return []finding.Finding{f}
}

// listSettings are those whose stored value is a list of quoted identifiers (variable_is_guc_list_quote in src/bin/pg_dump/dumputils.c).
var listSettings = map[string]bool{
	"local_preload_libraries": true, "search_path": true, "session_preload_libraries": true, "temp_tablespaces": true,
}

// literal writes the value as SET takes it.
func (set stored) literal() string {
	if listSettings[strings.ToLower(set.Name)] && set.Value != "" {
		return set.Value
	}
	return strings.TrimSpace(postgres.Literal(set.Value))
}

var plainSetting = regexp.MustCompile(`^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$`)

// settingIdent writes the name of a setting as SQL takes it.
func settingIdent(name string) string {
	if plainSetting.MatchString(name) {
		return name
	}
	return postgres.Ident(name)
}

const parameterPrivilegesSQL = `
SELECT parname, string_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, ', ')
FROM pg_parameter_acl CROSS JOIN aclexplode(paracl) a WHERE a.grantee <> 10 GROUP BY parname`

// parameterPrivileges finds privileges on parameters that the target does not have.
func (s *Session) parameterPrivileges(ctx context.Context) ([]finding.Finding, error) {
	if s.Major < 15 {
		return nil, nil
	}
	type privilege struct{ Name, Grantees string }
	rows, _ := s.conn.Query(ctx, parameterPrivilegesSQL)
	privileges, err := pgx.CollectRows(rows, pgx.RowToStructByPos[privilege])
	if err != nil {
		return nil, err
	}
	var found []finding.Finding
	for _, p := range privileges {
		why, err := s.target.unknown(ctx, p.Name)
		if err != nil {
			return nil, err
		}
		if why != "" {
			found = append(found, finding.Finding{
				Blocks: finding.Upgrade, Object: "privileges on parameter " + p.Name, Reason: why + " So pg_upgrade fails at them.",
				Fix: fmt.Sprintf("REVOKE ALL ON PARAMETER %s FROM %s CASCADE;", settingIdent(p.Name), p.Grantees),
			})
		}
	}
	return found, nil
}
