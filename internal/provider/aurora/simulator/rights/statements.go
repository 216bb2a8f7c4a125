package rights

import (
	"fmt"
	"strings"

	"github.com/pgteal/pgteal/internal/postgres"
)

// role makes a role where it is not there.
func role(name, options string) string {
	return `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ` + postgres.Literal(name) + `) THEN
		CREATE ROLE ` + postgres.Ident(name) + ` ` + options + `; END IF; END $$`
}

// roles are the groups by which rights are handed out.
func roles(major int) (statements []string) {
	for _, name := range []string{"rds_superuser", "rds_replication", "rds_password", "rds_iam"} {
		statements = append(statements, role(name, "NOLOGIN"))
	}
	handed := []string{"pg_monitor", "pg_signal_backend", "rds_replication", "rds_password", "rds_iam"}
	for since, names := range map[int][]string{
		14: {"pg_read_all_data", "pg_write_all_data"}, 15: {"pg_checkpoint"}, 16: {"pg_create_subscription"}, 17: {"pg_maintain"},
	} {
		if major >= since {
			handed = append(handed, names...)
		}
	}
	statements = append(statements, `GRANT `+strings.Join(handed, ", ")+` TO rds_superuser WITH ADMIN OPTION`)
	if major >= 15 {
		statements = append(statements, `GRANT SET ON PARAMETER session_replication_role TO rds_superuser`)
	}
	return statements
}

// masterRole makes the operator's first role. Its grants have to bear handing on.
func masterRole(name string) []string {
	return []string{
		role(name, "LOGIN CREATEDB CREATEROLE VALID UNTIL 'infinity'"),
		`GRANT rds_superuser TO ` + postgres.Ident(name) + ` WITH ADMIN OPTION`,
		`GRANT rds_replication TO ` + postgres.Ident(name) + ` WITH ADMIN OPTION`,
	}
}

func databases(master string) []string {
	return []string{
		`ALTER DATABASE postgres OWNER TO ` + postgres.Ident(master),
		`ALTER DATABASE template1 OWNER TO ` + postgres.Ident(master),
	}
}

// publicSchema is the master's until 15, where the database's owner has it.
func publicSchema(master string, major int) []string {
	if major >= 15 {
		return nil
	}
	return []string{`DO $$ BEGIN IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public' AND nspowner = 10) THEN
		ALTER SCHEMA public OWNER TO ` + postgres.Ident(master) + `; END IF; END $$`}
}

// functions are Aurora's own. They are in pg_catalog, where no dump sees them.
func functions() []string {
	return []string{
		`SET allow_system_table_mods = on`,
		`CREATE OR REPLACE FUNCTION pg_catalog.aurora_version() RETURNS text LANGUAGE sql STABLE AS
			$$ SELECT split_part(current_setting('server_version'), ' ', 1) || '.0' $$`,
		`CREATE OR REPLACE FUNCTION pg_catalog.aurora_volume_logical_start_lsn() RETURNS pg_lsn LANGUAGE sql STABLE AS
			$$ SELECT coalesce(nullif(current_setting('` + StartLSNSetting + `', true), ''), '0/0')::pg_lsn $$`,
	}
}

// origins lets members of rds_superuser at replication origins. Until 13 the functions themselves ask for a superuser, so one of the same name calls
// them as one.
func origins(major int) (statements []string) {
	for _, f := range []struct{ name, arguments, call, result string }{
		{"pg_replication_origin_advance", "text, pg_lsn", "$1, $2", "void"},
		{"pg_replication_origin_oid", "text", "$1", "oid"},
		{"pg_replication_origin_progress", "text, boolean", "$1, $2", "pg_lsn"},
	} {
		if major < 14 {
			statements = append(statements, fmt.Sprintf(`DO $do$ BEGIN
				IF NOT EXISTS (SELECT FROM pg_proc WHERE proname = 'rdsadmin_%[1]s') THEN
					ALTER FUNCTION pg_catalog.%[1]s(%[2]s) RENAME TO rdsadmin_%[1]s;
					CREATE FUNCTION pg_catalog.%[1]s(%[2]s) RETURNS %[4]s LANGUAGE sql SECURITY DEFINER AS $$ SELECT pg_catalog.rdsadmin_%[1]s(%[3]s) $$;
					REVOKE EXECUTE ON FUNCTION pg_catalog.%[1]s(%[2]s) FROM PUBLIC;
				END IF;
			END $do$`, f.name, f.arguments, f.call, f.result))
		}
		statements = append(statements, `GRANT EXECUTE ON FUNCTION pg_catalog.`+f.name+`(`+f.arguments+`) TO rds_superuser`)
	}
	return statements
}

// elevation makes a member of rds_superuser a superuser for as long as CREATE SUBSCRIPTION runs: until 15 PostgreSQL asks for one. Only the
// transaction itself sees it. The functions have no SET of their own, since what they set is to outlive them. The triggers fire whatever
// session_replication_role says.
var elevation = []string{
	`CREATE OR REPLACE FUNCTION pg_catalog.rdsadmin_elevate() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
	BEGIN
		UPDATE pg_catalog.pg_authid SET rolsuper = true WHERE rolname = session_user AND NOT rolsuper AND pg_has_role(oid, 'rds_superuser', 'MEMBER');
		IF FOUND THEN
			PERFORM set_config('rdsadmin.elevated', session_user, true);
		END IF;
	END $$`,
	`CREATE OR REPLACE FUNCTION pg_catalog.rdsadmin_lower() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
	BEGIN
		UPDATE pg_catalog.pg_authid SET rolsuper = false WHERE rolname = current_setting('rdsadmin.elevated', true);
		PERFORM set_config('rdsadmin.elevated', '', true);
	END $$`,
	`DROP EVENT TRIGGER IF EXISTS rdsadmin_elevate`,
	`DROP EVENT TRIGGER IF EXISTS rdsadmin_lower`,
	`CREATE EVENT TRIGGER rdsadmin_elevate ON ddl_command_start WHEN TAG IN ('CREATE SUBSCRIPTION') EXECUTE FUNCTION pg_catalog.rdsadmin_elevate()`,
	`CREATE EVENT TRIGGER rdsadmin_lower ON ddl_command_end WHEN TAG IN ('CREATE SUBSCRIPTION') EXECUTE FUNCTION pg_catalog.rdsadmin_lower()`,
	`ALTER EVENT TRIGGER rdsadmin_elevate ENABLE ALWAYS`,
	`ALTER EVENT TRIGGER rdsadmin_lower ENABLE ALWAYS`,
}
