package check_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
)

// storedFault is a setting that the target refuses, or one that it takes.
type storedFault struct {
	from   int // the first major in which it can be
	below  int // majors in which it can be; 0 for all
	setup  string
	object string // what is found; empty: nothing is
	fix    string
}

var storedFaults = []storedFault{
	{
		0, 14, `ALTER ROLE "We""ird; DROP" SET operator_precedence_warning = on`,
		`setting operator_precedence_warning of role "We""ird; DROP"`, `ALTER ROLE "We""ird; DROP" RESET operator_precedence_warning;`,
	},
	{
		0, 14, `ALTER DATABASE "We""ird; DROP" SET vacuum_cleanup_index_scale_factor = 0.3`,
		`setting vacuum_cleanup_index_scale_factor of database "We""ird; DROP"`,
		`ALTER DATABASE "We""ird; DROP" RESET vacuum_cleanup_index_scale_factor;`,
	},
	{
		0, 16, `ALTER ROLE "We""ird; DROP" IN DATABASE "We""ird; DROP" SET force_parallel_mode = regress`,
		`setting force_parallel_mode of role "We""ird; DROP" in database "We""ird; DROP"`,
		`ALTER ROLE "We""ird; DROP" IN DATABASE "We""ird; DROP" RESET force_parallel_mode;`,
	},
	{
		0, 14, `ALTER ROLE plain SET password_encryption = on`,
		`setting password_encryption of role plain`, `ALTER ROLE plain RESET password_encryption;`,
	},
	{0, 14, `ALTER ROLE plain SET "My.odd-Name" = 1`, `setting My.odd-Name of role plain`, `ALTER ROLE plain RESET "My.odd-Name";`},
	{
		0, 16, `CREATE FUNCTION public."F""; DROP"(int, VARIADIC text[]) RETURNS int LANGUAGE sql SET force_parallel_mode TO on AS 'SELECT 1'`,
		`setting force_parallel_mode of function public."F""; DROP"(integer, VARIADIC text[]) in database "We""ird; DROP"`,
		`ALTER FUNCTION public."F""; DROP"(integer, VARIADIC text[]) RESET force_parallel_mode;`,
	},
	{
		0, 14, `CREATE PROCEDURE p() LANGUAGE sql SET operator_precedence_warning TO on AS 'SELECT 1'`,
		`setting operator_precedence_warning of procedure public.p() in database "We""ird; DROP"`,
		`ALTER PROCEDURE public.p() RESET operator_precedence_warning;`,
	},
	{
		15, 17, `GRANT ALTER SYSTEM, SET ON PARAMETER old_snapshot_threshold TO "We""ird; DROP" WITH GRANT OPTION`,
		`privileges on parameter old_snapshot_threshold`, `REVOKE ALL ON PARAMETER old_snapshot_threshold FROM "We""ird; DROP" CASCADE;`,
	},
	{
		15, 16, `GRANT SET ON PARAMETER force_parallel_mode TO PUBLIC`,
		`privileges on parameter force_parallel_mode`, `REVOKE ALL ON PARAMETER force_parallel_mode FROM PUBLIC CASCADE;`,
	},

	{0, 0, `ALTER ROLE plain SET my.own = 'hush'`, "", ""},
	{0, 0, `ALTER ROLE plain SET wal_compression = on`, "", ""},
	{0, 0, `ALTER ROLE plain SET work_mem = '64 kB'`, "", ""},
	{0, 0, `ALTER ROLE plain SET "TimeZone" = 'UTC'`, "", ""},
	{0, 0, `ALTER ROLE plain SET role = nobody`, "", ""},
	{0, 0, `ALTER ROLE plain SET session_authorization = nobody`, "", ""},
	{0, 0, `ALTER ROLE plain SET default_tablespace = nowhere`, "", ""},
	{0, 0, `ALTER ROLE plain SET default_text_search_config = 'pg_catalog.nothing'`, "", ""},
	{0, 0, `ALTER ROLE plain SET search_path = nowhere, "We""ird; DROP"`, "", ""},
	{0, 0, `ALTER ROLE plain SET jit_dump_bitcode = off`, "", ""},
	{0, 0, `ALTER ROLE plain SET default_transaction_isolation = serializable`, "", ""},
	{0, 0, `ALTER ROLE plain SET ssl_renegotiation_limit = 0`, "", ""},
	{0, 0, `ALTER ROLE plain SET default_with_oids = off`, "", ""},
	{0, 0, `ALTER DATABASE "We""ird; DROP" SET random_page_cost = 1.1`, "", ""},
	{0, 0, `CREATE FUNCTION fine() RETURNS int LANGUAGE sql SET work_mem = '1GB' SET my.own = 1 SET search_path = public AS 'SELECT 1'`, "", ""},
	{15, 0, `GRANT SET ON PARAMETER my.own, wal_compression TO plain`, "", ""},
	{15, 18, `GRANT SET ON PARAMETER ssl_ecdh_curve TO plain`, "", ""},
}

func TestStoredSettingsAreFoundExactlyWhereTheTargetRefusesThem(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 15, 17} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			s, target := pgtest.Start(t, major), pgtest.Start(t, 18) // of its own: what is restored has the same names
			s.Exec(t, "postgres", `CREATE ROLE "We""ird; DROP"`, `CREATE ROLE plain`, `ALTER ROLE ALL SET lock_timeout = '1d'`,
				`ALTER ROLE ALL SET my.secret = 'hush'`)
			createDatabase(t, s, weird)
			var wanted []storedFault
			for _, f := range storedFaults {
				if major < f.from || f.below > 0 && major >= f.below {
					continue
				}
				s.Exec(t, weird, f.setup)
				if f.object != "" {
					wanted = append(wanted, f)
				}
			}
			refused := refusedByRestore(t, s, target)
			if len(refused) != len(wanted) {
				t.Errorf("18 refuses %d of blue's stored settings, and %d should be found:\n%s", len(refused), len(wanted), strings.Join(refused, "\n"))
			}

			programs := target.Cluster.Programs
			found := runTarget(t, check.Target{Blue: s.Server, To: 18, Programs: programs})
			for _, f := range wanted {
				name := "stored-settings"
				if strings.Contains(f.setup, "CREATE") {
					name = "function-settings"
				}
				want(t, found, name, finding.Upgrade, f.object, f.fix)
			}
			want(t, found, "stored-settings", finding.Nothing, "setting lock_timeout of all roles", "ALTER SYSTEM SET lock_timeout = '1d'; SELECT")
			want(t, found, "stored-settings", finding.Nothing, "setting my.secret of all roles", "Right after the switchover, on green: ALTER")
			stored := ofStored(found)
			if len(stored) != len(wanted)+2 || strings.Contains(fmt.Sprint(found), "hush") {
				t.Errorf("found\n%s", show(stored))
			}
			for _, f := range wanted {
				s.Exec(t, weird, f.fix)
			}
			if refused := refusedByRestore(t, s, target); len(refused) > 0 {
				t.Errorf("after the fixes 18 refuses %s", strings.Join(refused, "\n"))
			}
			found = slices.DeleteFunc(runTarget(t, check.Target{Blue: s.Server, To: 18, Programs: programs}), func(f finding.Finding) bool {
				return f.Blocks == finding.Nothing
			})
			if stored := ofStored(found); len(stored) > 0 {
				t.Errorf("after the fixes found\n%s", show(stored))
			}
		})
	}
}

func ofStored(found []finding.Finding) []finding.Finding {
	return append(with("stored-settings", found), with("function-settings", found)...)
}

// refusedByRestore gives target what pg_upgrade would take along of blue's roles, databases and functions, as it would, and returns the errors.
func refusedByRestore(t *testing.T, blue, target *pgtest.Server) (refused []string) {
	t.Helper()
	programs := target.Cluster.Programs
	reach := func(s *pgtest.Server) []string {
		return []string{"--host", "127.0.0.1", "--port", fmt.Sprint(s.Port), "--username", pgtest.Superuser, "--no-password"}
	}
	dump, err := programs.Command(t.Context(), target.Cluster.Account, "pg_dumpall", append(reach(blue), "--schema-only", "--clean", "--if-exists")...).Output()
	if err != nil {
		t.Fatalf("pg_dumpall: %v", err)
	}
	restore := programs.Command(t.Context(), target.Cluster.Account, "psql", append(reach(target), "--no-psqlrc", "--quiet", "--dbname", "postgres")...)
	restore.Stdin = strings.NewReader(string(dump))
	out, _ := restore.CombinedOutput()
	for _, line := range regexp.MustCompile(`ERROR: .*`).FindAllString(string(out), -1) {
		if !strings.Contains(line, "configuration parameter") && !strings.Contains(line, "invalid value for parameter") {
			continue
		}
		refused = append(refused, line)
	}
	return refused
}

func TestWithoutProgramsStoredSettingsAreFoundByName(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 13)
	s.Exec(t, "postgres", `CREATE ROLE plain`, `ALTER ROLE plain SET operator_precedence_warning = on`, `ALTER ROLE plain SET my.own = 1`,
		`ALTER ROLE plain SET "my.odd name" = 1`, `ALTER ROLE plain SET work_mem = '1MB'`)
	found := with("stored-settings", runTarget(t, check.Target{Blue: s.Server, To: 18}))
	want(t, found, "stored-settings", finding.Upgrade, "setting operator_precedence_warning of role plain", "ALTER ROLE plain RESET")
	want(t, found, "stored-settings", finding.Upgrade, "setting my.odd name of role plain", `ALTER ROLE plain RESET "my.odd name";`)
	if len(found) != 2 {
		t.Errorf("found\n%s", show(found))
	}
	s.Exec(t, "postgres", found[0].Fix, found[1].Fix)
	if f := with("stored-settings", runTarget(t, check.Target{Blue: s.Server, To: 18})); len(f) > 0 {
		t.Errorf("after the fixes found\n%s", show(f))
	}
}

// TestPgUpgradeFailsAtStoredSettings runs pg_upgrade itself.
func TestPgUpgradeFailsAtStoredSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from          int
		setup, object string
	}{
		{13, `ALTER ROLE plain SET operator_precedence_warning = on`, "setting operator_precedence_warning of role plain"},
		{13, `ALTER DATABASE "We""ird; DROP" SET session_preload_libraries = 'adminpack'`, `setting session_preload_libraries of database "We""ird; DROP"`},
		{15, `GRANT SET ON PARAMETER force_parallel_mode TO plain`, "privileges on parameter force_parallel_mode"},
		{
			15, `CREATE FUNCTION f() RETURNS int LANGUAGE sql SET force_parallel_mode TO on AS 'SELECT 1'`,
			`setting force_parallel_mode of function public.f() in database "We""ird; DROP"`,
		},
	} {
		t.Run(c.setup, func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, c.from)
			s.Exec(t, "postgres", `CREATE ROLE plain`)
			createDatabase(t, s, weird, c.setup)
			var objects []string
			for _, f := range finding.Blocking(run(t, s, 18), finding.Upgrade) {
				objects = append(objects, f.Object)
			}
			if !slices.Equal(objects, []string{c.object}) {
				t.Errorf("%q blocks the upgrade, wanted %q", objects, c.object)
			}
			if err := s.Cluster.Stop(t.Context(), "fast"); err != nil {
				t.Fatal(err)
			}
			if _, out, err := pgUpgrade(t, s, 18); err == nil {
				t.Errorf("pg_upgrade does not fail:\n%s", out)
			}
		})
	}
}

func TestPgUpgradeTakesAlongOnlySomeStoredSettings(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 13)
	s.Exec(t, "postgres", `CREATE ROLE plain LOGIN`, `ALTER ROLE plain SET session_preload_libraries = 'adminpack'`,
		`ALTER ROLE plain SET my.own = 1`, `ALTER ROLE ALL SET lock_timeout = '1d'`, `ALTER ROLE ALL SET operator_precedence_warning = on`)
	found := run(t, s, 18)
	want(t, found, "stored-settings", finding.Switchover, "setting session_preload_libraries of role plain", "Install it for the new version, or ALTER")
	want(t, found, "stored-settings", finding.Nothing, "setting lock_timeout of all roles", "ALTER SYSTEM SET lock_timeout = '1d';")
	want(t, found, "stored-settings", finding.Nothing, "setting operator_precedence_warning of all roles", "ALTER ROLE ALL RESET")
	if err := s.Cluster.Stop(t.Context(), "fast"); err != nil {
		t.Fatal(err)
	}
	cluster, out, err := pgUpgrade(t, s, 18)
	if err != nil {
		t.Fatalf("pg_upgrade: %v\n%s", err, out)
	}
	green := pgtest.Run(t, cluster)
	var stored string
	err = green.Connect(t, "postgres").QueryRow(t.Context(), `SELECT string_agg(setrole::regrole || ': ' || setconfig::text, '; ')
		FROM pg_db_role_setting`).Scan(&stored)
	if err != nil || stored != "plain: {session_preload_libraries=adminpack,my.own=1}" {
		t.Errorf("green has %s, %v", stored, err)
	}
	if _, err := green.As("plain", "", "").Connect(t.Context(), "postgres"); err == nil || !strings.Contains(err.Error(), "adminpack") {
		t.Errorf("plain logs in on green: %v", err)
	}
}

// pgUpgrade upgrades a cluster that does not run.
func pgUpgrade(t *testing.T, s *pgtest.Server, to int) (green pgctl.Cluster, out string, err error) {
	t.Helper()
	programs, err := pgctl.Find(to)
	if err != nil {
		t.Fatal(err)
	}
	green = pgctl.Cluster{Programs: programs, Account: s.Cluster.Account, DataDirectory: filepath.Join(pgtest.Directory(t), "data")}
	err = green.Init(t.Context(), "--username", pgtest.Superuser, "--auth", "trust", "--no-sync", "--locale", "C.UTF-8", "--encoding", "UTF8",
		"--no-data-checksums")
	if err != nil {
		t.Fatal(err)
	}
	cmd := programs.Command(t.Context(), green.Account, "pg_upgrade", "--username", pgtest.Superuser, "--link", "--no-sync",
		"--old-bindir", s.Cluster.Directory, "--new-bindir", programs.Directory,
		"--old-datadir", s.Cluster.DataDirectory, "--new-datadir", green.DataDirectory,
		"--old-port", fmt.Sprint(pgtest.FreePort(t)), "--new-port", fmt.Sprint(pgtest.FreePort(t)))
	cmd.Dir = filepath.Dir(green.DataDirectory)
	said, err := cmd.CombinedOutput()
	return green, string(said), err
}

func TestNamesThatALibraryKeepsToItselfAreFound(t *testing.T) {
	t.Parallel()
	preload := settings("shared_preload_libraries", "pg_stat_statements, auto_explain")
	target, s := pgtest.Start(t, 18, preload...), pgtest.Start(t, 13, preload...)
	s.Exec(t, "postgres", `CREATE ROLE plain`, `ALTER ROLE plain SET pg_stat_statements.trak = 'all'`, `ALTER ROLE plain SET auto_explain."Log_Min" = 1`,
		`ALTER ROLE plain SET pg_stat_statements.track = 'none'`, `ALTER ROLE plain SET auto_explain.log_min_duration = 1`,
		`ALTER ROLE plain SET plpgsql.extra_warnings = 'all'`, `ALTER ROLE plain SET pg_trgm.nothing = 1`,
		`ALTER ROLE plain SET "Auto_Explain".log_min = 1`, `ALTER ROLE plain SET auto_explain."Log_Nested_Statements" = on`,
		`CREATE FUNCTION f() RETURNS int LANGUAGE sql SET pg_stat_statements.trak TO 'all' AS 'SELECT 1'`)
	found := ofStored(run(t, s, 18))
	want(t, found, "stored-settings", finding.Upgrade, "setting pg_stat_statements.trak of role plain", "ALTER ROLE plain RESET pg_stat_statements.trak;")
	want(t, found, "stored-settings", finding.Upgrade, "setting auto_explain.Log_Min of role plain", `ALTER ROLE plain RESET "auto_explain.Log_Min";`)
	want(t, found, "function-settings", finding.Upgrade, "setting pg_stat_statements.trak of function public.f() in database postgres", "ALTER FUNCTION")
	refused := refusedByRestore(t, s, target)
	if len(found) != 3 || len(refused) != 3 {
		t.Errorf("18 refuses %q; found\n%s", refused, show(found))
	}
	for _, f := range found {
		s.Exec(t, "postgres", f.Fix)
	}
	if refused := refusedByRestore(t, s, target); len(refused) > 0 {
		t.Errorf("after the fixes 18 refuses %q", refused)
	}
}
