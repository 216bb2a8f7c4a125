package clone_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/provider/local/clone"
)

func setting(name, value string) pgctl.Setting { return pgctl.Setting{Name: name, Value: value} }

func TestACloneNeverActsAsBlue(t *testing.T) {
	for _, major := range majors {
		dir := pgtest.Directory(t)
		touched := filepath.Join(dir, "archived")
		if _, err := account(t).Mkdir(touched); err != nil {
			t.Fatal(err)
		}
		blue := startBlue(t, dir, major, setting("max_prepared_transactions", "7"),
			setting("shared_preload_libraries", "pg_prewarm,pg_stat_statements"),
			setting("pg_stat_statements.max", "321"), setting("archive_mode", "on"),
			setting("archive_command", "touch "+touched+"/%f.$PPID"))
		blue.Exec(t, "postgres",
			`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`, `ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'`,
			`ALTER SYSTEM SET log_min_duration_statement = 0`, `ALTER SYSTEM SET archive_timeout = '1s'`,
			`SET synchronous_commit = local`,
			`CREATE UNLOGGED TABLE public.unlogged AS SELECT generate_series(1, 1000) AS n`, `CREATE INDEX ON public.unlogged (n)`,
			`BEGIN; INSERT INTO public.log VALUES (txid_current(), 'prepared'); PREPARE TRANSACTION 'p'`)
		target := targetIn(t, dir)
		run(t, blue, target, clone.Copy)
		c := clusterOf(blue, target)
		server, lsn := recovered(t, c)

		is := func(sql, want string) {
			t.Helper()
			if got := query[string](t, server, sql); !slices.Equal(got, []string{want}) {
				t.Errorf("%d: %s: got %q, wanted %q", major, sql, got, want)
			}
		}
		is(`SELECT count(*)::text FROM public.unlogged`, "0")
		is(`SELECT gid FROM pg_prepared_xacts`, "p")
		is(`SHOW shared_preload_libraries`, "pg_prewarm,pg_stat_statements")
		is(`SHOW pg_stat_statements.max`, "321")
		is(`SHOW archive_mode`, "off")
		is(`SHOW synchronous_standby_names`, "")
		is(`SHOW primary_conninfo`, "")
		is(`SHOW listen_addresses`, "")
		is(`SHOW log_min_duration_statement`, "-1")
		is(`SELECT coalesce(string_agg(name, ' '), '') FROM pg_settings WHERE sourcefile NOT LIKE '%/clone/postgresql.conf'`, "")
		is(`SELECT count(*)::text FROM pg_stat_activity WHERE backend_type ~ 'autovacuum|autoprewarm|logical replication'`, "0")
		is(`SELECT count(*)::text FROM pg_replication_slots`, "0")
		query[string](t, server, `INSERT INTO public.log VALUES (0) RETURNING 'synchronous commit does not hang'`)
		if info, err := os.Stat(server.Host()); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%d: the socket's directory: %v, %v", major, info.Mode(), err)
		}
		query[string](t, server, `SELECT pg_switch_wal()::text`)
		if _, err := os.Stat(filepath.Join(target.DataDirectory, "pg_wal", "00000002.history")); err != nil {
			t.Error(err)
		}
		if err := clone.Stop(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		// Promoted, then started again: the same clone, not recovered again.
		server, again := recovered(t, c)
		if again != lsn {
			t.Errorf("%d: the clone LSN was %s, is %s", major, lsn, again)
		}
		if got := query[int64](t, server, `SELECT count(*) FROM public.log WHERE xid = 0`); got[0] != 1 {
			t.Errorf("%d: the clone was recovered again", major)
		}
		entries, err := os.ReadDir(touched)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), "00000002") {
				t.Errorf("%d: the clone archived %s into blue's archive", major, entry.Name())
			}
		}
	}
}

func TestConfigurationOutsideTheDataDirectory(t *testing.T) {
	for _, method := range []string{clone.Copy, clone.BaseBackup} {
		t.Run(method, func(t *testing.T) {
			dir := pgtest.Directory(t)
			first := pgtest.Start(t, 15)
			c := first.Cluster
			if err := c.Stop(t.Context(), "fast"); err != nil {
				t.Fatal(err)
			}
			etc := filepath.Join(dir, "etc")
			if _, err := account(t).Mkdir(etc); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"postgresql.conf", "pg_hba.conf", "pg_ident.conf"} {
				if err := os.Rename(filepath.Join(c.DataDirectory, name), filepath.Join(etc, name)); err != nil {
					t.Fatal(err)
				}
			}
			f, err := os.OpenFile(filepath.Join(etc, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString("\ndata_directory = '" + c.DataDirectory +
				"'\nhba_file = '" + etc + "/pg_hba.conf'\nident_file = '" + etc +
				"/pg_ident.conf'\nexternal_pid_file = '" + dir + "/blue.pid'\ninclude_if_exists '" + etc + "/more.conf'\n"); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			c.ConfigDirectory = etc
			blue := pgtest.Run(t, c)
			pid, err := os.ReadFile(filepath.Join(dir, "blue.pid"))
			if err != nil {
				t.Fatal(err)
			}
			target := targetIn(t, dir)
			run(t, blue, target, method)
			server, _ := recovered(t, clusterOf(blue, target))
			for _, name := range []string{"hba_file", "config_file", "ident_file"} {
				if got := query[string](t, server, `SELECT current_setting($1)`, name)[0]; filepath.Dir(got) != target.DataDirectory {
					t.Errorf("the clone's %s is %s", name, got)
				}
			}
			if now, err := os.ReadFile(filepath.Join(dir, "blue.pid")); err != nil || !bytes.Equal(now, pid) {
				t.Errorf("blue's pid file: %q, %v", now, err)
			}
		})
	}
}

// A data directory can have a path that no Unix socket's path can begin with.
func TestADeepDataDirectory(t *testing.T) {
	dir := pgtest.Directory(t)
	blue := startBlue(t, dir, 17)
	target := targetIn(t, filepath.Join(dir, strings.Repeat("deep/", 20)))
	run(t, blue, target, clone.Copy)
	c := clusterOf(blue, target)
	server, lsn := recovered(t, c)
	if _, again := recovered(t, c); again != lsn {
		t.Errorf("the clone LSN was %s, is %s", lsn, again)
	}
	if err := clone.Stop(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := clone.Discard(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{server.Host(), filepath.Join(dir, "deep")} {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
}

// WAL that blue removes during the clone is kept by a slot. Without one, the clone fails and says so, or succeeds: never is it wrong.
func TestHeavyWALDuringTheClone(t *testing.T) {
	dir := pgtest.Directory(t)
	blue := startBlue(t, dir, 15, setting("max_wal_size", "32MB"), setting("min_wal_size", "32MB"))
	blue.Exec(t, "postgres", `CREATE TABLE public.big (filler text)`)
	stop := load(t, blue)
	ended := make(chan struct{})
	conn := blue.Connect(t, "postgres")
	go func() {
		defer close(ended)
		for range 12 { // 20 MB each, with a checkpoint that recycles segments
			err := do(t.Context(), `INSERT INTO public.big SELECT repeat('x', 1000) FROM generate_series(1, 18000)`, `CHECKPOINT`)(conn)
			if err != nil {
				t.Error(err)
			}
		}
	}()
	target := targetIn(t, dir)
	run(t, blue, target, clone.Copy)
	server, lsn := recovered(t, clusterOf(blue, target))
	<-ended
	stop()
	in, after := exact(t, blue, server, lsn)
	t.Logf("clone LSN %s: %d transactions in the clone, %d after it", lsn, in, after)
}
