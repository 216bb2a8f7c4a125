package clone_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider/local/clone"
)

const waiting = time.Minute

// inBackup tells whether a session of ours still holds a server in backup mode. The session that does also holds the lock on tablespaces.
// (That the mode ends with the session is another test's.)
func inBackup(t testing.TB, s *pgtest.Server) bool {
	t.Helper()
	return query[int64](t, s.Server, `SELECT
		(SELECT count(*) FROM pg_locks WHERE relation = 'pg_tablespace'::regclass AND mode = 'ShareLock') +
		(SELECT count(*) FROM pg_stat_replication WHERE state = 'backup')`)[0] > 0
}

func TestACloneThatIsCanceledLeavesNothing(t *testing.T) {
	for _, method := range []string{clone.Copy, clone.BaseBackup} {
		t.Run(method, func(t *testing.T) {
			dir := pgtest.Directory(t)
			blue := startBlue(t, dir, 17)
			blue.Exec(t, "postgres", `INSERT INTO public.log SELECT 1, repeat('x', 1000) FROM generate_series(1, 20000)`,
				`TRUNCATE public.log`,
				`CREATE TABLE public.big AS SELECT repeat('x', 1000) FROM generate_series(1, 100000)`)
			target := targetIn(t, dir)
			target.MaxRate = 10000
			ctx, cancel := context.WithCancel(t.Context())
			report := progress.Reporter(func(e progress.Event) {
				if e.Done > 0 {
					cancel()
				}
			})
			_, err := clone.Run(ctx, sourceOf(blue), target, method, 1, report.Step("clone"))
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v", err)
			}
			if _, err := os.Stat(target.DataDirectory); !os.IsNotExist(err) {
				t.Errorf("the clone's directory is still there: %v", err)
			}
			pgtest.Eventually(t, waiting, "blue's backup is over", func() bool { return !inBackup(t, blue) })
			target.MaxRate = 0
			run(t, blue, target, method)
			recovered(t, clusterOf(blue, target))
		})
	}
}

func TestACloneThatWasKilledIsDiscardedAndMadeAgain(t *testing.T) {
	dir := pgtest.Directory(t)
	blue := startBlue(t, dir, 15)
	target := targetIn(t, dir)
	run(t, blue, target, clone.Copy)
	// As a kill in the middle leaves it: files half there, the marker without "complete".
	marker := filepath.Join(target.DataDirectory, "pgteal.clone")
	content, err := os.ReadFile(marker)
	if err != nil {
		t.Fatal(err)
	}
	content = bytes.Replace(content, []byte(`"complete": true`), []byte(`"complete": false`), 1)
	if err := os.WriteFile(marker, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := clone.Recover(t.Context(), clusterOf(blue, target), nil); err == nil {
		t.Error("half a clone was recovered")
	}
	if _, err := clone.Run(t.Context(), sourceOf(blue), target, clone.Copy, 0, nil); err == nil {
		t.Error("a clone was made over another")
	}
	if _, err := os.Stat(marker); err != nil {
		t.Errorf("the other clone was removed: %v", err)
	}
	for range 2 {
		if err := clone.Discard(t.Context(), target); err != nil {
			t.Fatal(err)
		}
	}
	run(t, blue, target, clone.Copy)
	recovered(t, clusterOf(blue, target))
}

func TestDiscardRefusesWhatIsNotOurs(t *testing.T) {
	dir := pgtest.Directory(t)
	blue := startBlue(t, dir, 15)
	target := targetIn(t, dir)
	target.DataDirectory = blue.Cluster.DataDirectory
	if err := clone.Discard(t.Context(), target); err == nil {
		t.Fatal("Discard took blue for a clone")
	}
	query[int64](t, blue.Server, `SELECT count(*) FROM public.log`)

	target = targetIn(t, dir)
	run(t, blue, target, clone.Copy)
	other := target
	other.Upgrade = "another"
	if err := clone.Discard(t.Context(), other); err == nil {
		t.Fatal("Discard took another upgrade's clone for its own")
	}
	recovered(t, clusterOf(blue, target))
	if err := clone.Discard(t.Context(), target); err == nil {
		t.Fatal("Discard removed the files of a server that runs")
	}
}

func TestADiskThatIsFullIsSaidAndBlueGoesOn(t *testing.T) {
	for _, method := range []string{clone.Copy, clone.BaseBackup} {
		t.Run(method, func(t *testing.T) {
			small := image(t, "xfs", 320) // XFS is not made smaller than 300 MB
			blue := startBlue(t, pgtest.Directory(t), 15)
			blue.Exec(t, "postgres", `CREATE TABLE public.big AS SELECT repeat('x', 1000) FROM generate_series(1, 320000)`)
			target := targetIn(t, small)
			_, err := clone.Run(t.Context(), sourceOf(blue), target, method, 0, nil)
			if !errors.Is(err, syscall.ENOSPC) || fault.HintOf(err) == "" {
				t.Fatalf("got %v, hint %q", err, fault.HintOf(err))
			}
			t.Log(err)
			if _, err := os.Stat(target.DataDirectory); !os.IsNotExist(err) {
				t.Errorf("the partial clone is still there: %v", err)
			}
			blue.Exec(t, "postgres", `INSERT INTO public.log VALUES (1)`, `CHECKPOINT`)
			pgtest.Eventually(t, waiting, "blue's backup is over", func() bool { return !inBackup(t, blue) })
		})
	}
}

func TestASessionThatDiesEndsTheBackup(t *testing.T) {
	for _, major := range majors {
		blue := pgtest.Start(t, major, setting("full_page_writes", "off"))
		start := `SELECT pg_backup_start('x', true)`
		if major < 15 {
			start = `SELECT pg_start_backup('x', true, false)`
		}
		conn := blue.Connect(t, "postgres")
		if _, err := conn.Exec(t.Context(), start); err != nil {
			t.Fatal(err)
		}
		blue.Exec(t, "postgres", `CREATE TABLE public.t AS SELECT n FROM generate_series(1, 400) AS n`)
		if !fullPages(t, blue) {
			t.Fatalf("%d: no full pages in backup mode", major)
		}
		_ = conn.PgConn().Conn().Close() // no goodbye, as when the process was killed
		pgtest.Eventually(t, waiting, "backup mode is over", func() bool { return !fullPages(t, blue) })
	}
}

// fullPages tells whether an update after a checkpoint logs a full page although full_page_writes is off: a server does that only in
// backup mode.
func fullPages(t *testing.T, s *pgtest.Server) bool {
	t.Helper()
	s.Exec(t, "postgres", `CHECKPOINT`)
	from := query[string](t, s.Server, `SELECT pg_current_wal_insert_lsn()::text`)[0]
	s.Exec(t, "postgres", `UPDATE public.t SET n = n WHERE n = 1`)
	return query[int64](t, s.Server, `SELECT (pg_current_wal_insert_lsn() - $1::text::pg_lsn)::bigint`, from)[0] > 6000
}
