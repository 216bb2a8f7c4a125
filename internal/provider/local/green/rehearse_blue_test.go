package green_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// at runs do when the rehearsal first comes to what.
func at(what string, do func()) *progress.Step {
	var once sync.Once
	return progress.Reporter(func(e progress.Event) {
		if strings.Contains(e.Doing, what) {
			once.Do(do)
		}
	}).Step("check")
}

// files describes every file below dir: path, mode, size, times, content of the small ones.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		all[path] = fmt.Sprint(info.Mode(), info.Size(), info.ModTime().UnixNano())
		if strings.HasSuffix(path, "global/pg_control") {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all[path] += string(content)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestABlueThatStopsMeanwhileIsNotStarted(t *testing.T) {
	for _, from := range []int{13, 15, 17} {
		for _, mode := range []string{"fast", "crash"} {
			t.Run(fmt.Sprint(from, mode), func(t *testing.T) {
				t.Parallel()
				s := pgtest.Start(t, from)
				data := s.Cluster.DataDirectory
				var before map[string]string
				step := at("initdb", func() { // blue has been asked by then, and pg_upgrade has not begun
					if mode == "crash" { // it leaves its postmaster.pid, which makes pg_upgrade try to start it
						crash(t, s)
					} else if err := s.Cluster.Stop(t.Context(), mode); err != nil {
						t.Error(err)
					}
					before = files(t, data)
				})
				r := rehearsal(t, s, 18)
				r.Schema = false
				found, err := r.Run(t.Context(), step)
				if err != nil {
					t.Fatal(err)
				}
				gone(t, r)
				if len(found) != 1 || found[0].Blocks != finding.Nothing || !strings.Contains(found[0].Reason, "does not run any more") {
					t.Errorf("found\n%s", show(found))
				}
				after := files(t, data)
				if before == nil || exists(filepath.Join(data, "postmaster.pid")) != (mode == "crash") {
					t.Fatal("blue was not stopped as this test needs it")
				}
				for path := range after {
					if before[path] != after[path] {
						t.Errorf("%s was %q and is %q", path, before[path], after[path])
					}
				}
				if len(before) != len(after) {
					t.Errorf("there were %d files, and are %d", len(before), len(after))
				}
			})
		}
	}
}

// crash kills the server, and returns when all its processes have ended.
func crash(t *testing.T, s *pgtest.Server) {
	t.Helper()
	p, err := s.Cluster.Postmaster()
	if err != nil {
		t.Error(err)
		return
	}
	if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	pgtest.Eventually(t, time.Minute, "the end of the server", func() bool {
		processes, _ := filepath.Glob("/proc/[0-9]*/cwd")
		return syscall.Kill(p.PID, 0) != nil && !slices.ContainsFunc(processes, func(cwd string) bool { // until its parent has asked about it, it is there
			at, _ := os.Readlink(cwd) // it may have ended
			return at == s.Cluster.DataDirectory
		})
	})
}

func TestARehearsalWritesNothingToBlue(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15, pgctl.Setting{Name: "autovacuum", Value: "off"})
	fill(t, s)
	xid := func() string {
		var xid string
		if err := s.Connect(t, "postgres").QueryRow(t.Context(), "SELECT pg_snapshot_xmax(pg_current_snapshot())::text").Scan(&xid); err != nil {
			t.Fatal(err)
		}
		return xid
	}
	before := xid()
	rehearse(t, rehearsal(t, s, 18))
	if after := xid(); after != before {
		t.Errorf("the next transaction id was %s and is %s", before, after)
	}
}

func TestADirectoryOfSomebodyElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	r := rehearsal(t, s, 18)
	precious := filepath.Join(r.Directory, "precious")
	if _, err := s.Cluster.Account.Mkdir(precious); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(t.Context(), quiet()); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("got %v", err)
	}
	if !exists(precious) {
		t.Error("it is gone")
	}
}

// TestWhatPgtealSeesToItselfDoesNotBlock has pg_upgrade stop at what will not be there when it counts.
func TestWhatPgtealSeesToItselfDoesNotBlock(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		object string
		setup  func(t *testing.T, s *pgtest.Server)
	}{
		{"blue: prepared transactions", func(t *testing.T, s *pgtest.Server) {
			t.Helper()
			s.Exec(t, "postgres", `BEGIN`, `CREATE TABLE public.x (id int)`, `PREPARE TRANSACTION 'it''s; DROP'`)
		}},
		{"blue: subscription state", func(t *testing.T, s *pgtest.Server) {
			t.Helper()
			s.Exec(t, "postgres", `CREATE TABLE public.x (id int)`, `SET client_min_messages = error`,
				`CREATE SUBSCRIPTION sub CONNECTION 'host=/nowhere dbname=x' PUBLICATION p WITH (connect = false)`, `SET allow_system_table_mods = on`,
				`INSERT INTO pg_subscription_rel SELECT oid, 'public.x'::regclass, 'd', NULL FROM pg_subscription`)
		}},
		{"blue: new cluster tablespace directories", func(t *testing.T, s *pgtest.Server) {
			t.Helper()
			fill(t, s)
			control, err := pgtest.Start(t, 18).Cluster.ControlData(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			version := "PG_18_" + control["Catalog version number"]
			if _, err := s.Cluster.Account.Mkdir(filepath.Join(filepath.Dir(s.Cluster.DataDirectory), `space of "blue" $`, version)); err != nil {
				t.Fatal(err)
			}
		}},
		{"", func(t *testing.T, s *pgtest.Server) {
			t.Helper()
			s.Exec(t, "postgres", `SELECT pg_create_logical_replication_slot('slot', 'pgoutput')`, `CREATE TABLE public.x (id int)`)
		}},
	} {
		t.Run(test.object, func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, 17, pgctl.Setting{Name: "max_prepared_transactions", Value: "5"})
			test.setup(t, s)
			found := rehearse(t, rehearsal(t, s, 18))
			if test.object == "" && len(found) == 0 {
				return
			}
			if len(found) != 1 || found[0].Object != test.object || found[0].Blocks != finding.Nothing ||
				!strings.Contains(found[0].Reason, "pgteal sees to it itself") {
				t.Errorf("found\n%s", show(found))
			}
		})
	}
}

// TestSecretsStayWhereTheyAre has everything ask for a password, and looks for the secrets in arguments, progress, findings and files.
func TestSecretsStayWhereTheyAre(t *testing.T) {
	t.Parallel()
	const password = `se\cr:et 'x'`
	s := pgtest.Start(t, 15)
	fill(t, s)
	s.Exec(t, "postgres", "SET default_transaction_read_only = off", "ALTER ROLE postgres PASSWORD "+postgres.Literal(password))
	s.Exec(t, hostileDatabase, "SET default_transaction_read_only = off", "SET statement_timeout = 0", "ALTER EVENT TRIGGER stopping DISABLE",
		"ALTER EVENT TRIGGER ending DISABLE", // so that there is an error in a statement with a secret
		`CREATE FOREIGN DATA WRAPPER odd`, `CREATE SERVER odd FOREIGN DATA WRAPPER odd`,
		`CREATE USER MAPPING FOR public SERVER odd OPTIONS (secret '`+mappingSecret+`')`,
		`ALTER FOREIGN DATA WRAPPER odd VALIDATOR public.postgres_fdw_validator`)
	hba := filepath.Join(s.Cluster.DataDirectory, "pg_hba.conf")
	if err := os.WriteFile(hba, []byte("local all all scram-sha-256\nhost all all all scram-sha-256\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Exec(t, "postgres", "SELECT pg_reload_conf()")
	blue, err := postgres.Open("blue",
		fmt.Sprintf(`host=127.0.0.1 port=%d user=postgres password='se\\cr:et \'x\'' sslmode=disable`, s.Port))
	if err != nil {
		t.Fatal(err)
	}
	r := rehearsal(t, s, 18)
	r.Server = blue
	secrets := []string{password, roleSecret, mappingSecret, subscriptionSecret}
	look := func(where, text string) {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in %s: %s", secret, where, text)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	seen := map[string]bool{}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for ctx.Err() == nil {
			commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, command := range commands {
				content, _ := os.ReadFile(command) // it may have ended
				if strings.Contains(string(content), r.Directory) || strings.Contains(string(content), fmt.Sprint("port=", s.Port)) {
					look("arguments", string(content))
					seen[filepath.Base(strings.Split(string(content), "\x00")[0])] = true
				}
			}
			logs, _ := filepath.Glob(r.Directory + "/data/pg_upgrade_output.d/*/log/*")
			for _, log := range logs {
				content, _ := os.ReadFile(log) // it may be gone
				look(log, string(content))
			}
		}
	}()
	found, err := r.Run(t.Context(), progress.Reporter(func(e progress.Event) { look("progress", e.Message+e.Doing) }).Step("check"))
	cancel()
	<-watched
	if err != nil {
		t.Fatal(err)
	}
	gone(t, r)
	look("findings", show(found))
	if len(found) != 1 || !strings.HasPrefix(found[0].Object, "USER MAPPING public SERVER odd") || !strings.Contains(found[0].Reason, "invalid option") {
		t.Errorf("found\n%s", show(found))
	}
	for _, program := range []string{"pg_upgrade", "pg_dump", "pg_restore"} {
		if !seen[program] {
			t.Errorf("%s was never seen among %v", program, seen)
		}
	}
	content, err := os.ReadFile(s.LogFile)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(content), password) {
		t.Error("blue's log has the password")
	}
}

func TestABlueThatLetsNobodyInIsANote(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, sql, hba, says string }{
		{"it may not log in", `ALTER ROLE postgres NOLOGIN`, "", "may not log in"},
		{"pg_hba.conf", "", "local all all reject\nhost all all all trust\n", "rejects connection"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, 15)
			s.Exec(t, "postgres", "CREATE ROLE admin SUPERUSER LOGIN")
			if test.sql != "" {
				s.Exec(t, "postgres", test.sql)
			}
			if test.hba != "" {
				if err := os.WriteFile(filepath.Join(s.Cluster.DataDirectory, "pg_hba.conf"), []byte(test.hba), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r := rehearsal(t, s, 18)
			r.Server = s.As("admin", "", "")
			if err := r.Server.In(t.Context(), "postgres", reload(t)); err != nil {
				t.Fatal(err)
			}
			found := rehearse(t, r) // the restore works: it does not come as postgres, and not through the socket
			if len(found) != 1 || found[0].Check != "pg-upgrade" || found[0].Blocks != finding.Nothing || !strings.Contains(found[0].Reason, test.says) {
				t.Errorf("found\n%s", show(found))
			}
		})
	}
}

func TestATableThatIsLockedIsWaitedForAMomentOnly(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	s.Exec(t, "postgres", `CREATE TABLE public.locked (id int)`)
	conn := s.Connect(t, "postgres")
	if _, err := conn.Exec(t.Context(), `BEGIN; LOCK TABLE public.locked`); err != nil {
		t.Fatal(err)
	}
	found := ofCheck(rehearse(t, rehearsal(t, s, 18)), "schema-restore", `schema of database "postgres"`)
	if len(found) != 1 || found[0].Blocks != finding.Nothing || !strings.Contains(found[0].Reason, "timeout") {
		t.Errorf("found\n%s", show(found))
	}
}

func TestBluesLockTableIsNotExhausted(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15, pgctl.Setting{Name: "max_locks_per_transaction", Value: "10"}, pgctl.Setting{Name: "max_connections", Value: "20"})
	for i := range 5 { // more would not even be made in one transaction
		s.Exec(t, "postgres", fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..40 LOOP EXECUTE format('CREATE TABLE public.t%%s_%d (id int)', i); END LOOP; END $$`, i))
	}
	found := rehearse(t, rehearsal(t, s, 18))
	if len(found) != 1 || found[0].Blocks != finding.Nothing || !strings.Contains(found[0].Reason, "200 tables") {
		t.Errorf("found\n%s", show(found))
	}
}

// TestAConfigurationElsewhere has blue's files apart, as Debian keeps them.
func TestAConfigurationElsewhere(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	if err := s.Cluster.Stop(t.Context(), "fast"); err != nil {
		t.Fatal(err)
	}
	etc := filepath.Join(filepath.Dir(s.Cluster.DataDirectory), "etc")
	if _, err := s.Cluster.Account.Mkdir(etc); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"postgresql.conf", "pg_hba.conf", "pg_ident.conf"} {
		if err := os.Rename(filepath.Join(s.Cluster.DataDirectory, file), filepath.Join(etc, file)); err != nil {
			t.Fatal(err)
		}
	}
	c := s.Cluster
	c.ConfigDirectory = etc
	s = pgtest.Run(t, c, pgctl.Setting{Name: "hba_file", Value: etc + "/pg_hba.conf"}, pgctl.Setting{Name: "ident_file", Value: etc + "/pg_ident.conf"})
	fill(t, s)
	if found := rehearse(t, rehearsal(t, s, 18)); len(found) > 0 {
		t.Errorf("found\n%s", show(found))
	}
}

// reload lets a session reload the configuration.
func reload(t *testing.T) func(*pgx.Conn) error {
	t.Helper()
	return func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), "SELECT pg_reload_conf()")
		return err
	}
}
