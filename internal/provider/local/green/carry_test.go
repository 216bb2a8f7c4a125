package green_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider"
	"github.com/pgteal/pgteal/internal/provider/local/green"
)

// startBlue starts the cluster that f was copied from.
func (f *fixture) startBlue(t *testing.T) *pgtest.Server {
	t.Helper()
	blue := f.Old
	blue.DataDirectory = filepath.Join(f.dir, "blue/data")
	return pgtest.Run(t, blue)
}

func TestCarryBringsBluesSettingsAndNamesWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 13, 18, options{prepare: func(t *testing.T, s *pgtest.Server) {
		t.Helper()
		data := s.Cluster.DataDirectory
		write := func(name, content string) {
			if err := os.WriteFile(filepath.Join(data, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := s.Cluster.Account.Own(filepath.Join(data, name)); err != nil {
				t.Fatal(err)
			}
		}
		write("included.conf", strings.Join([]string{
			"work_mem = 77MB", "work_mem = '78 MB'", `my.hostile = 'it''s \\ "x" \n $(y) é'`, "my.api_key = 'hush'",
			"stats_temp_directory = 'pg_stat_tmp'", "vacuum_defer_cleanup_age = 5", "old_snapshot_threshold = 10min",
			"force_parallel_mode = on",
			"operator_precedence_warning = on", "promote_trigger_file = '/tmp/nothing'", "ssl_ecdh_curve = 'secp384r1'",
			"password_encryption = on",
			"archive_mode = on", "archive_command = 'cp %p /archive/%f'", "synchronous_standby_names = ''", "cluster_name = '13/main'",
			"shared_preload_libraries = 'pg_stat_statements, adminpack, auto_explain'", "statement_timeout = 90s", "huge_pages = try",
			"random_page_cost = 1.1", "autovacuum_vacuum_cost_delay = '0.5ms'", "log_statement = 'ddl'",
			"log_line_prefix = '%m [%p] ''%u'' '",
			"search_path = '\"We\"\"ird; DROP\", public'", "max_replication_slots = 20", "autovacuum_max_workers = 20",
			"log_directory = '" + f13log(s) + "'", "logging_collector = on", "log_filename = 'postgresql-%a.log'",
			"restore_command = 'false'",
			"shared_buffers = 100MB", "wal_keep_size = 64MB",
		}, "\n"))
		main := filepath.Join(data, "postgresql.conf")
		file, err := os.OpenFile(main, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(file, "include 'included.conf'\nport = 1\n")
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		write("pg_hba.conf", postgres.HBAOpen.Block()+"local \"We\"\"ird; DROP\" all trust # mine\n"+
			"hostssl all all 0.0.0.0/0 cert clientcert=1\n"+
			"local @databases all trust\nlocal all all trust\nhost all all 127.0.0.1/32 trust\n")
		write("databases", "postgres, other\n")
		write("pg_ident.conf", "map /^(.*)$ \\1\n")
		s.Exec(t, "postgres", "ALTER SYSTEM SET maintenance_work_mem = '123MB'", "ALTER SYSTEM SET application_name = 'a''b\\c'")
	}})
	f.Libraries = []string{"pg_stat_statements", "adminpack"} // 18 has no adminpack
	f.Settings = []pgctl.Setting{{Name: "my.hostile", Value: "it's \\ \n $(y) é"}}
	if err := f.Upgrade(t.Context(), quiet()); err != nil {
		t.Fatal(err)
	}
	blue := f.startBlue(t)
	libraries, settings, err := green.Preload(t.Context(), blue.Server)
	if err != nil || !slices.Equal(libraries, []string{"pg_stat_statements", "adminpack", "auto_explain"}) ||
		!slices.Contains(settings, pgctl.Setting{Name: "my.api_key", Value: "hush"}) {
		t.Errorf("Preload: %q, %q, %v", libraries, settings, err)
	}
	fence := postgres.HBAClosed.Block()
	var carried []provider.Carried
	watched, arguments := f.watched(t)
	for range 2 { // it can be repeated
		var err error
		if carried, err = watched.Carry(t.Context(), blue.Server, green.CarryOptions{Subscriptions: 7, Fence: fence}); err != nil {
			t.Fatal(err)
		}
	}
	text, _ := json.MarshalIndent(carried, "", " ")
	t.Logf("%s", text)
	if strings.Contains(string(text), "hush") {
		t.Error("a secret is in the report")
	}
	if given, err := os.ReadFile(arguments); err != nil || strings.Contains(string(given), "hush") || !strings.Contains(string(given), "my.api_key") {
		t.Errorf("a secret is in a program's arguments, or nobody asked about it: %v\n%s", err, given)
	}
	for name, part := range map[string]string{
		"stats_temp_directory": "15", "vacuum_defer_cleanup_age": "16", "old_snapshot_threshold": "17", "operator_precedence_warning": "14",
		"promote_trigger_file": "16", "archive_command": "NOT ARCHIVED", "restore_command": "standby",
		"shared_preload_libraries": "adminpack", "debug_parallel_query": "renamed", "log_filename": "both clusters log",
	} {
		found := false
		for _, c := range carried {
			found = found || c.Name == name && strings.Contains(c.Reason, part)
		}
		if !found {
			t.Errorf("%s is not reported with %q", name, part)
		}
	}

	s, stop := f.start(t)
	defer stop()
	for name, wanted := range map[string]string{
		"work_mem": "78MB", "my.hostile": "it's \\ \"x\" \n $(y) é", "my.api_key": "hush", "maintenance_work_mem": "123MB",
		"debug_parallel_query": "on", "ssl_groups": "secp384r1", "password_encryption": "md5", "archive_mode": "on",
		"archive_command": "/bin/true",
		"cluster_name":    "18/main", "shared_preload_libraries": "pg_stat_statements, auto_explain", "random_page_cost": "1.1",
		"autovacuum_vacuum_cost_delay": "500us", "log_line_prefix": "%m [%p] '%u' ", "max_replication_slots": "29", "wal_level": "logical",
		"autovacuum_worker_slots": "20", "shared_buffers": "100MB", "wal_keep_size": "64MB", "log_filename": "postgresql-%a-18.log",
		"max_active_replication_origins": "29", "fsync": "off", "log_statement": "ddl",
	} {
		if got := query(t, s, "postgres", "SELECT current_setting("+postgres.Literal(name)+")"); got != wanted {
			t.Errorf("%s = %q, wanted %q", name, got, wanted)
		}
	}
	inFile := map[string]string{"statement_timeout": "90s", "application_name": `a'b\c`, "search_path": `"We""ird; DROP", public`}
	for name, wanted := range inFile {
		got := query(t, s, "postgres", "SELECT setting FROM pg_file_settings WHERE applied AND name = "+postgres.Literal(name))
		if got != wanted {
			t.Errorf("%s = %q in the file, wanted %q", name, got, wanted)
		}
	}
	if got := query(t, s, "postgres", `SELECT count(*)::text FROM pg_file_settings WHERE error IS NOT NULL
		AND name NOT IN ('port', 'listen_addresses', 'unix_socket_directories')`); got != "0" {
		t.Errorf("%s settings in green's files are faulty", got)
	}
	hba, err := os.ReadFile(filepath.Join(f.New.DataDirectory, "pg_hba.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(hba), fence+"local \"We\"\"ird; DROP\" all trust # mine\n") ||
		strings.Count(string(hba), "# pgteal begin") != 1 || !strings.Contains(string(hba), "clientcert=verify-ca") {
		t.Errorf("pg_hba.conf:\n%s", hba)
	}
	if content, _ := os.ReadFile(filepath.Join(f.New.DataDirectory, "databases")); string(content) != "postgres, other\n" {
		t.Errorf("the file that pg_hba.conf refers to holds %q", content)
	}
	if ident, _ := os.ReadFile(filepath.Join(f.New.DataDirectory, "pg_ident.conf")); string(ident) != "map /^(.*)$ \\1\n" {
		t.Errorf("pg_ident.conf: %q", ident)
	}
}

// f13log is an absolute directory for logs that both clusters can write to.
func f13log(s *pgtest.Server) string { return filepath.Dir(s.Cluster.DataDirectory) }

func TestCarryCopiesTheFilesOfTLS(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 15, 17, options{prepare: func(t *testing.T, s *pgtest.Server) {
		t.Helper()
		data := s.Cluster.DataDirectory
		run(t, "openssl", "req", "-new", "-x509", "-days", "2", "-nodes", "-subj", "/CN=blue",
			"-keyout", data+"/server.key", "-out", data+"/server.crt")
		for _, file := range []string{"server.key", "server.crt"} {
			if err := s.Cluster.Account.Own(filepath.Join(data, file)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(data+"/server.key", 0o600); err != nil {
			t.Fatal(err)
		}
		s.Exec(t, "postgres", "ALTER SYSTEM SET ssl = on", "ALTER SYSTEM SET ssl_cert_file = "+postgres.Literal(data+"/server.crt"))
	}})
	if err := f.Upgrade(t.Context(), quiet()); err != nil {
		t.Fatal(err)
	}
	blue := f.startBlue(t)
	if _, err := f.Carry(t.Context(), blue.Server, green.CarryOptions{}); err != nil {
		t.Fatal(err)
	}
	s, stop := f.start(t)
	defer stop()
	if got := query(t, s, "postgres", "SELECT current_setting('ssl') || ' ' || current_setting('ssl_cert_file')"); got != "on server.crt" {
		t.Errorf("green has %s", got)
	}
}

func TestDiscardLeavesNothingButTheClone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 15, 18, options{space: true})
	if err := f.Discard(t.Context()); err != nil {
		t.Fatalf("before anything: %v", err)
	}
	if err := f.Upgrade(t.Context(), quiet()); err != nil {
		t.Fatal(err)
	}
	service, err := f.Service(t.Context(), green.ServiceOptions{Kind: green.KindPgctl, Log: filepath.Join(f.dir, "green.log")})
	if err != nil {
		t.Fatal(err)
	}
	main := filepath.Join(f.New.DataDirectory, "postgresql.conf")
	conf := fmt.Appendf(nil, "port = %d\nlisten_addresses = ''\nunix_socket_directories = '%s'\n", f.Port, f.dir)
	if err := os.WriteFile(main, conf, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, do := range []func(context.Context) error{service.Adopt, service.Start, service.Start, service.Restart} {
		if err := do(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	f.New = service.Cluster()
	for range 2 {
		if err := f.Discard(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, gone := range []string{filepath.Dir(f.New.DataDirectory), f.Work} {
		if _, err := os.Stat(gone); err == nil {
			t.Errorf("%s is left", gone)
		}
	}
	if left, _ := filepath.Glob(f.spaces + "/*"); len(left) != 0 {
		t.Errorf("the tablespace holds %q", left)
	}
	if _, err := os.Stat(f.Old.DataDirectory); err != nil {
		t.Error(err)
	}
}

func TestRetireStopsAPlainCluster(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	g := green.Cluster{Work: filepath.Join(filepath.Dir(s.Cluster.DataDirectory), "work")}
	for range 2 {
		words, err := g.Retire(t.Context(), s.Cluster)
		if err != nil || !strings.Contains(words, "pg_ctl start") {
			t.Errorf("%q, %v", words, err)
		}
	}
	if _, err := s.Cluster.Postmaster(); err == nil {
		t.Error("blue still runs")
	}
}

// watched returns the cluster with a server that writes down its arguments, and the file in which it does.
func (f fixture) watched(t *testing.T) (c green.Cluster, arguments string) {
	t.Helper()
	c = f.Cluster
	directory := filepath.Join(f.dir, "watched")
	arguments = filepath.Join(directory, "arguments")
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$@\" >>%s\nexec %s \"$@\"\n", arguments, f.New.Path("postgres"))
	if err := os.Mkdir(directory, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, "postgres"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	others, err := filepath.Glob(f.New.Path("pg_*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range others {
		if err := os.Symlink(program, filepath.Join(directory, filepath.Base(program))); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.New.Account.Own(directory); err != nil {
		t.Fatal(err)
	}
	c.New.Directory = directory
	return c, arguments
}
