package check_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

func TestSettingsThatTheTargetLacksAreNamed(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 13, settings("force_parallel_mode", "on", "password_encryption", "on", "operator_precedence_warning", "off",
		"work_mem", "5MB", "statement_timeout", "1h")...)
	file, err := os.OpenFile(filepath.Join(s.Cluster.DataDirectory, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("\nbytea_output = nonsense\nstats_temp_directory = nowhere\nstats_temp_directory = 'pg_stat_tmp'\n"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	s.Exec(t, "postgres", `ALTER SYSTEM SET vacuum_defer_cleanup_age = 7`, `ALTER SYSTEM SET maintenance_work_mem = '77MB'`,
		`ALTER SYSTEM SET old_snapshot_threshold = '1h'`, // it waits for a restart
		`ALTER ROLE postgres SET statement_timeout = '2h'`)
	reload(t, s, `old_snapshot_threshold`, `pending_restart`)
	for _, found := range [][]finding.Finding{runAll(t, s, 18), runTarget(t, check.Target{Blue: s.Server, To: 18})} {
		want(t, found, "settings", finding.Nothing, "setting old_snapshot_threshold of blue", "Leave it out")
		want(t, found, "settings", finding.Nothing, "setting vacuum_defer_cleanup_age of blue", "Leave it out")
		want(t, found, "settings", finding.Nothing, "setting force_parallel_mode of blue", "Call it debug_parallel_query")
		if f := with("settings", found); len(f) != 3 || !strings.Contains(f[1].Reason, "PostgreSQL 18 does not have it: removed in 17.") {
			t.Errorf("found\n%+v", f)
		}
	}
	if f := with("settings", runAll(t, s, 15)); len(f) > 0 {
		t.Errorf("15 takes all of them; found\n%s", show(f))
	}
	s.Exec(t, "postgres", `CREATE ROLE rds_superuser`, `CREATE ROLE cloud LOGIN IN ROLE rds_superuser`)
	found := runTarget(t, check.Target{Blue: s.As("cloud", "", ""), To: 18})
	want(t, found, "settings", finding.Nothing, "setting vacuum_defer_cleanup_age of blue", "Leave it out")
}

// reload has s read its files, and waits until a setting's row in pg_settings meets condition.
func reload(t *testing.T, s *pgtest.Server, name, condition string) {
	t.Helper()
	s.Exec(t, "postgres", `SELECT pg_reload_conf()`)
	conn := s.Connect(t, "postgres")
	pgtest.Eventually(t, time.Minute, name+" has been read", func() (met bool) {
		err := conn.QueryRow(t.Context(), `SELECT `+condition+` FROM pg_settings WHERE name = `+postgres.Literal(name)).Scan(&met)
		return err == nil && met
	})
}

// TestGoneSettingsAreThoseThatLaterServersLack compares what servers of several majors have. What a minor release brings to all majors is missing
// where one of them is older.
func TestGoneSettingsAreThoseThatLaterServersLack(t *testing.T) {
	t.Parallel()
	majors := []int{13, 15, 17, 18}
	has := map[int]map[string]bool{}
	for _, major := range majors {
		conn := pgtest.Start(t, major).Connect(t, "postgres")
		rows, _ := conn.Query(t.Context(), `SELECT name FROM pg_settings WHERE context <> 'internal'`)
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		has[major] = map[string]bool{}
		for _, name := range names {
			has[major][name] = true
		}
	}
	for i, major := range majors[:3] {
		for name := range has[major] {
			if name == "composite_type_mismatch" { // November 2026
				continue
			}
			gone := postgres.GoneSettings[name]
			for _, later := range majors[i+1:] {
				if lacks := !has[later][name]; lacks != (gone.Since != 0 && gone.Since <= later) {
					t.Errorf("%d has %s, and that %d lacks it is %v", major, name, later, lacks)
				}
				if gone.Now != "" && gone.Since <= later && !has[later][gone.Now] {
					t.Errorf("%d does not have %s either", later, gone.Now)
				}
			}
		}
	}
}

// TestDefaultsThatDifferAreNamed compares the finding with what the servers themselves say of their defaults.
func TestDefaultsThatDifferAreNamed(t *testing.T) {
	t.Parallel()
	target := pgtest.Start(t, 18)
	for _, major := range []int{13, 15, 17} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, major, settings("log_checkpoints", "off")...)
			s.Exec(t, "postgres", `ALTER SYSTEM SET maintenance_io_concurrency = 10`)
			wanted := map[string]bool{}
			old, now := defaults(t, s), defaults(t, target)
			for name, value := range now {
				before, ok := old[name]
				if set := []string{"maintenance_io_concurrency", "log_checkpoints", "shared_buffers", "log_connections"}; ok &&
					before != value && !slices.Contains(set, name) {
					wanted[name] = true
				}
			}
			found := with("setting-defaults", runAll(t, s, 18))
			if len(found) != 1 || found[0].Blocks != finding.Nothing {
				t.Fatalf("found\n%s", show(found))
			}
			t.Log(found[0].Reason, found[0].Fix)
			named := map[string]bool{}
			for _, statement := range strings.SplitAfter(strings.SplitN(found[0].Fix, ": ", 2)[1], "; ") {
				named[strings.Fields(statement)[3]] = true
				s.Exec(t, "postgres", statement)
			}
			if !maps.Equal(named, wanted) {
				t.Errorf("named %v, wanted %v", named, wanted)
			}
			if f := with("setting-defaults", runAll(t, s, 18)); len(f) > 0 {
				t.Errorf("after they were set on blue, found %s", f[0].Reason)
			}
		})
	}
}

func defaults(t *testing.T, s *pgtest.Server) map[string]string {
	t.Helper()
	rows, _ := s.Connect(t, "postgres").Query(t.Context(), `SELECT name, boot_val FROM pg_settings WHERE context <> 'internal' AND boot_val IS NOT NULL`)
	all := map[string]string{}
	var name, value string
	_, err := pgx.ForEachRow(rows, []any{&name, &value}, func() error { all[name] = value; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return all
}
