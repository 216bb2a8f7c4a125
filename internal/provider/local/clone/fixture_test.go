package clone_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider/local/clone"
)

var majors = []int{13, 15, 17, 18}

// image mounts a new file system of its own. What it needs and lacks skips the test.
func image(t testing.TB, kind string, megabytes int64) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a file system: reflinks are not tested")
	}
	mkfs, err := exec.LookPath("mkfs." + kind)
	if err != nil {
		t.Skipf("this host has no mkfs.%s: reflinks on %s are not tested", kind, kind)
	}
	dir := pgtest.Directory(t)
	file, at := filepath.Join(dir, "image"), filepath.Join(dir, "fs")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, megabytes<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(mkfs, "-q", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := account(t).Mkdir(at); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-o", "loop", file, at).CombinedOutput(); err != nil {
		t.Skipf("this host mounts no %s image: %v: %s", kind, err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", at).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	if err := account(t).Own(at); err != nil {
		t.Fatal(err)
	}
	return at
}

func account(t testing.TB) pgctl.Account {
	t.Helper()
	a, err := pgctl.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// startBlue makes and starts a cluster in the directory blue below dir, with a table of rows that know their transaction.
func startBlue(t testing.TB, dir string, major int, settings ...pgctl.Setting) *pgtest.Server {
	t.Helper()
	programs, err := pgctl.Find(major)
	if err != nil {
		t.Fatal(err)
	}
	c := pgctl.Cluster{Programs: programs, Account: account(t), DataDirectory: filepath.Join(dir, "blue")}
	if err := c.Init(t.Context(), "--username", pgtest.Superuser, "--auth", "trust", "--no-sync", "--locale", "C.UTF-8"); err != nil {
		t.Fatal(err)
	}
	s := pgtest.Run(t, c, settings...)
	s.Exec(t, "postgres", `CREATE TABLE public.log (xid bigint NOT NULL, filler text)`,
		`SELECT pg_create_logical_replication_slot('before', 'test_decoding')`,
		`SELECT pg_create_logical_replication_slot('advanced', 'test_decoding')`)
	return s
}

func sourceOf(s *pgtest.Server) clone.Source {
	return clone.Source{Cluster: s.Cluster, Server: s.Server, Programs: s.Cluster.Programs}
}

func targetIn(t testing.TB, dir string) clone.Target {
	t.Helper()
	return clone.Target{
		Upgrade: "test", DataDirectory: filepath.Join(dir, "clone"), Account: account(t),
		Tablespaces: func(location string) string { return location + "-clone" },
	}
}

func clusterOf(s *pgtest.Server, target clone.Target) pgctl.Cluster {
	return pgctl.Cluster{Programs: s.Cluster.Programs, DataDirectory: target.DataDirectory, Account: target.Account}
}

// run makes a clone that the test does not expect to fail.
func run(t testing.TB, s *pgtest.Server, target clone.Target, method string) {
	t.Helper()
	made, err := clone.Run(t.Context(), sourceOf(s), target, method, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if made.Method != method || made.Bytes == 0 || made.Seconds <= 0 {
		t.Fatalf("made %+v", made)
	}
}

// recovered recovers a clone and returns its server, which ends with the test.
func recovered(t testing.TB, c pgctl.Cluster) (*postgres.Server, postgres.LSN) {
	t.Helper()
	stopAfter(t, c)
	lsn, err := clone.Recover(t.Context(), c, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, pgctl.Tail(filepath.Join(c.DataDirectory, "pgteal.log"), 40))
	}
	server, err := clone.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return server, lsn
}

func stopAfter(t testing.TB, c pgctl.Cluster) {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Stop(context.Background(), "immediate"); err != nil {
			t.Error(err)
		}
	})
}

// query returns the rows of a query of one column.
func query[T any](t testing.TB, s *postgres.Server, sql string, args ...any) []T {
	t.Helper()
	var all []T
	err := s.In(t.Context(), "postgres", func(conn *pgx.Conn) (err error) {
		rows, _ := conn.Query(t.Context(), sql, args...)
		all, err = pgx.CollectRows(rows, pgx.RowTo[T])
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return all
}

// exact checks that the clone holds the transactions whose commit record ends at or before its LSN and no others, and that what a slot
// brings from that LSN on are the others. It returns how many of each there are.
func exact(t testing.TB, blue *pgtest.Server, server *postgres.Server, lsn postgres.LSN) (in, after int) {
	t.Helper()
	got := map[int64]bool{}
	for _, xid := range query[int64](t, server, `SELECT DISTINCT xid FROM public.log`) {
		got[xid] = true
	}
	wrote := map[int64]bool{}
	for _, xid := range query[int64](t, blue.Server, `SELECT DISTINCT xid FROM public.log`) {
		wrote[xid] = true
	}
	rest := map[int64]bool{}
	query[string](t, blue.Server, `SELECT pg_replication_slot_advance('advanced', $1::text::pg_lsn)::text`, lsn.String())
	for _, xid := range query[int64](t, blue.Server, `SELECT substr(data, 8)::bigint FROM
			pg_logical_slot_peek_changes('advanced', NULL, NULL) WHERE data LIKE 'COMMIT %'`) {
		rest[xid] = true
	}
	commits := query[string](t, blue.Server, `SELECT lsn::text || ' ' || substr(data, 8) FROM
			pg_logical_slot_peek_changes('before', NULL, NULL) WHERE data LIKE 'COMMIT %'`)
	for _, commit := range commits {
		at, id, _ := strings.Cut(commit, " ")
		xid, err1 := strconv.ParseInt(id, 10, 64)
		end, err2 := postgres.ParseLSN(at)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if !wrote[xid] {
			continue // it wrote other tables
		}
		if end <= lsn {
			in++
		} else {
			after++
		}
		if got[xid] != (end <= lsn) || rest[xid] != (end > lsn) {
			t.Errorf("transaction %d committed up to %s, the clone LSN is %s: in the clone %v, replicated %v",
				xid, end, lsn, got[xid], rest[xid])
		}
	}
	if in+after != len(wrote) {
		t.Errorf("%d transactions decoded, blue has %d", in+after, len(wrote))
	}
	return in, after
}

// do runs statements in a session.
func do(ctx context.Context, statements ...string) func(*pgx.Conn) error {
	return func(conn *pgx.Conn) error {
		for _, statement := range statements {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	}
}
