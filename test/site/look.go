package site

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// View is all that pgteal must leave as it found it, as text by name.
type View map[string]string

// Look takes a view of blue, of PgBouncer's files and of what lies in the site's directory. Nobody may write meanwhile.
func (s *Site) Look(t testing.TB) View {
	t.Helper()
	v := View{"dump": s.Dump(t, s.Blue)}
	for _, name := range []string{"pg_hba.conf", "pg_ident.conf", "postgresql.conf", "postgresql.auto.conf"} {
		v[name] = file(t, filepath.Join(s.Blue.Cluster.DataDirectory, name))
	}
	for name, query := range map[string]string{
		"slots":         `SELECT coalesce(string_agg(slot_name, ' '), '') FROM pg_replication_slots`,
		"subscriptions": `SELECT coalesce(string_agg(subname, ' '), '') FROM pg_subscription`,
		"origins":       `SELECT coalesce(string_agg(roname, ' '), '') FROM pg_replication_origin`,
		"roles":         `SELECT string_agg(a::text, ' ' ORDER BY rolname) FROM pg_authid a`,
		"settings":      `SELECT string_agg(s::text, ' ' ORDER BY s) FROM pg_db_role_setting s`,
		"large objects": `SELECT count(*)::text FROM pg_largeobject_metadata`,
	} {
		v[name] = s.Ask(t, s.Blue, "postgres", query)
	}
	// What is in force, which is more than what the files say.
	v["read-only"] = s.AsApp(t, s.Blue.Port, "shop", "SHOW default_transaction_read_only")
	v["directory"] = strings.Join(s.entries(t, s.Directory), "\n")
	if s.Bouncer != nil {
		for _, name := range s.entries(t, filepath.Dir(s.Bouncer.IncludeFile)) {
			if !strings.HasSuffix(name, ".log") {
				v["pgbouncer/"+name] = file(t, filepath.Join(filepath.Dir(s.Bouncer.IncludeFile), name))
			}
		}
	}
	return v
}

// Dump is what pg_dumpall says of a server.
func (s *Site) Dump(t testing.TB, server *pgtest.Server) string {
	t.Helper()
	cmd := server.Cluster.Command(t.Context(), s.account, "pg_dumpall", "--dbname", s.conninfo(server.Port)+" dbname=postgres", "--no-sync")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal("pg_dumpall: ", err, pgctl.Tail(server.LogFile, 5))
	}
	return withoutKeys(string(out))
}

// withoutKeys is a dump without the key that each has of its own.
func withoutKeys(dump string) string {
	var lines []string
	for line := range strings.Lines(dump) {
		if !strings.HasPrefix(line, `\restrict `) && !strings.HasPrefix(line, `\unrestrict `) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// Check fails the test where a later view differs from v.
func (v View) Check(t testing.TB, later View) {
	t.Helper()
	for name, text := range v {
		if now, ok := later[name]; !ok {
			t.Errorf("%s is gone", name)
		} else if now != text {
			t.Errorf("%s has changed:\n%s", name, difference(text, now))
		}
	}
	for name, text := range later {
		if _, ok := v[name]; !ok {
			t.Errorf("%s is new: %.300s", name, text)
		}
	}
}

// difference lists the lines that only one of two texts has.
func difference(before, after string) string {
	count := map[string]int{}
	for line := range strings.Lines(before) {
		count[line]--
	}
	for line := range strings.Lines(after) {
		count[line]++
	}
	var lines []string
	for line, n := range count {
		if n != 0 {
			lines = append(lines, fmt.Sprintf("%+d %q", n, line))
		}
	}
	if len(lines) == 0 {
		return "only the order of its lines"
	}
	return strings.Join(lines[:min(len(lines), 30)], "\n")
}

// Traces lists what is left of pgteal on a server and in its files.
func (s *Site) Traces(t testing.TB, server *pgtest.Server) (traces []string) {
	t.Helper()
	note := func(what, found string) {
		if found != "" {
			traces = append(traces, what+": "+found)
		}
	}
	for _, database := range append([]string{"postgres", "template1"}, s.Databases...) {
		for what, query := range map[string]string{
			"schema":       `SELECT coalesce(string_agg(nspname, ' '), '') FROM pg_namespace WHERE nspname ~ 'pgteal'`,
			"publication":  `SELECT coalesce(string_agg(pubname, ' '), '') FROM pg_publication`,
			"subscription": `SELECT coalesce(string_agg(subname, ' '), '') FROM pg_subscription`,
			"slot":         `SELECT coalesce(string_agg(slot_name, ' '), '') FROM pg_replication_slots`,
			"origin":       `SELECT coalesce(string_agg(roname, ' '), '') FROM pg_replication_origin`,
			"role":         `SELECT coalesce(string_agg(rolname, ' '), '') FROM pg_roles WHERE rolname ~ 'pgteal'`,
			"setting for all": `SELECT coalesce(string_agg(setconfig::text, ' '), '') FROM pg_db_role_setting
				WHERE setrole = 0 AND setdatabase = 0`,
			"large object": `SELECT coalesce(string_agg(oid::text, ' '), '') FROM pg_largeobject_metadata`,
			"hba block": `SELECT coalesce(string_agg(l, ' '), '')
				FROM regexp_split_to_table(pg_read_file(current_setting('hba_file')), E'\n') l WHERE l ~ 'pgteal|^(local|host).* reject'`,
		} {
			note(what+" in "+database, s.Ask(t, server, database, query))
		}
	}
	green := s.greenDirectory()
	for _, name := range []string{green + ".pgteal", green + "/pgteal.pgpass", filepath.Join(s.StateDirectory(), "site/secret")} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			note("file", name)
		}
	}
	return traces
}

// Ask returns the first value of a query.
func (s *Site) Ask(t testing.TB, server *pgtest.Server, database, query string) (text string) {
	t.Helper()
	err := server.In(t.Context(), database, func(conn *pgx.Conn) error { return conn.QueryRow(t.Context(), query).Scan(&text) })
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text
}

// AsApp sends a client's query straight to a port, and returns its first value, or the error as text.
func (s *Site) AsApp(t testing.TB, port int, database, query string) string {
	t.Helper()
	conn, err := s.Client(t.Context(), port, database)
	if err != nil {
		return "error: " + err.Error()
	}
	defer postgres.Close(conn)
	var text string
	if err := conn.QueryRow(t.Context(), query).Scan(&text); err != nil {
		return "error: " + err.Error()
	}
	return text
}

// Client opens a client's session on a port.
func (s *Site) Client(ctx context.Context, port int, database string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(fmt.Sprintf("host=127.0.0.1 port=%d user=%s sslmode=disable", port, App))
	if err != nil {
		return nil, err
	}
	config.Database = database
	return pgx.ConnectConfig(ctx, config)
}

// entries lists a directory. The servers' logs and what pgteal keeps of its history do not count.
func (s *Site) entries(t testing.TB, directory string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		switch name := entry.Name(); {
		case name == "state":
			if _, err := os.Stat(filepath.Join(directory, "state/site/secret")); err == nil {
				names = append(names, "state/site/secret")
			}
		case strings.HasPrefix(name, ".s.PGSQL."), name == "writers":
		default:
			names = append(names, name)
		}
	}
	return names
}

// file is a file's content with its mode and owner.
func file(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := pgctl.OwnerOf(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %d:%d\n%s", info.Mode(), owner.UID, owner.GID, content)
}

// Pgteal is a server of the site, reached as pgteal's own role, which the fence lets in.
func (s *Site) Pgteal(t testing.TB, port int) *postgres.Server {
	t.Helper()
	server, err := postgres.Open("server", fmt.Sprintf("host=127.0.0.1 port=%d sslmode=disable", port))
	if err != nil {
		t.Fatal(err)
	}
	password, err := os.ReadFile(filepath.Join(s.Directory, "state", "site", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	return server.As(postgres.Role, strings.TrimSpace(string(password)), "")
}

// EndSessionsOfPgteal ends the sessions that pgteal has on a port, but for those that replicate.
func (s *Site) EndSessionsOfPgteal(t testing.TB, port int) error {
	t.Helper()
	return s.Pgteal(t, port).In(t.Context(), "postgres", func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE usename = '`+postgres.Role+`' AND backend_type = 'client backend' AND pid <> pg_backend_pid()`)
		return err
	})
}
