package clone_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider/local/clone"
)

func TestTablespacesAreTheClonesOwn(t *testing.T) {
	for _, method := range []string{clone.Copy, clone.BaseBackup, clone.Reflink} {
		for _, major := range []int{13, 17} {
			t.Run(method, func(t *testing.T) {
				dir := pgtest.Directory(t)
				if method == clone.Reflink {
					dir = image(t, "xfs", 600)
				}
				wal := filepath.Join(dir, "wal")
				blue := startBlueWithWAL(t, dir, major, wal)
				outside := filepath.Join(dir, `a "tablespace"=of 100% $it`)
				inside := filepath.Join(blue.Cluster.DataDirectory, "my tablespaces", "one")
				for _, location := range []string{outside, inside} {
					if _, err := account(t).Mkdir(location); err != nil {
						t.Fatal(err)
					}
				}
				blue.Exec(t, "postgres", `CREATE TABLESPACE "out ""side" LOCATION `+postgres.Literal(outside),
					`CREATE TABLESPACE inside LOCATION `+postgres.Literal(inside),
					`CREATE TABLE public.big TABLESPACE "out ""side" AS SELECT generate_series(1, 1000) AS n`,
					`CREATE INDEX ON public.big (n) TABLESPACE inside`)
				if major >= 15 {
					blue.Exec(t, "postgres", `CREATE TABLE public.t AS SELECT 1 AS n`)
					inPlace := do(t.Context(), `SET allow_in_place_tablespaces = on`, `CREATE TABLESPACE in_place LOCATION ''`,
						`ALTER TABLE public.t SET TABLESPACE in_place`)
					if err := inPlace(blue.Connect(t, "postgres")); err != nil {
						t.Fatal(err)
					}
				}
				target := targetIn(t, dir)
				target.Tablespaces = func(location string) string { return filepath.Join(dir, "new", filepath.Base(location)) }
				if chosen, reason, err := clone.Choose(t.Context(), sourceOf(blue), target, method); err != nil || chosen != method {
					t.Fatalf("chose %q (%s), %v", chosen, reason, err)
				}
				run(t, blue, target, method)
				server, _ := recovered(t, clusterOf(blue, target))
				if info, err := os.Lstat(filepath.Join(target.DataDirectory, "pg_wal")); err != nil || !info.IsDir() {
					t.Errorf("the clone's pg_wal: %v, %v", info, err)
				}
				if _, err := os.Stat(filepath.Join(target.DataDirectory, "my tablespaces", "one", "PG_13_202007201")); err == nil {
					t.Error("the tablespace inside the data directory was cloned twice")
				}
				locations := query[string](t, server, `SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname ~ 'side'`)
				for _, location := range locations {
					if filepath.Dir(location) != filepath.Join(dir, "new") {
						t.Errorf("a tablespace of the clone is in %s", location)
					}
				}
				// What the clone does to its tables does nothing to blue's.
				query[string](t, server, `WITH d AS (DELETE FROM public.big RETURNING n) SELECT count(*)::text FROM d`)
				drop := do(t.Context(), `DROP TABLE public.big`, `CHECKPOINT`, `DROP TABLESPACE "out ""side"`)
				if err := server.In(t.Context(), "postgres", drop); err != nil {
					t.Fatal(err)
				}
				blue.Exec(t, "postgres", `CHECKPOINT`)
				if got := query[int64](t, blue.Server, `SELECT count(*) FROM public.big WHERE n > 0`); got[0] != 1000 {
					t.Errorf("blue has %d rows", got[0])
				}
				if err := clone.Stop(t.Context(), clusterOf(blue, target)); err != nil {
					t.Fatal(err)
				}
				if err := clone.Discard(t.Context(), target); err != nil {
					t.Fatal(err)
				}
				for _, path := range []string{target.DataDirectory, filepath.Join(dir, "new")} {
					if _, err := os.Stat(path); !os.IsNotExist(err) {
						t.Errorf("%s is still there: %v", path, err)
					}
				}
			})
		}
	}
}

func startBlueWithWAL(t *testing.T, dir string, major int, wal string) *pgtest.Server {
	t.Helper()
	first := startBlue(t, dir, major)
	c := first.Cluster
	if err := c.Stop(t.Context(), "fast"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(c.DataDirectory, "pg_wal"), wal); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(wal, filepath.Join(c.DataDirectory, "pg_wal")); err != nil {
		t.Fatal(err)
	}
	return pgtest.Run(t, c, pgctl.Setting{Name: "max_wal_size", Value: "32MB"})
}

func TestATablespaceWithContentIsRefused(t *testing.T) {
	dir := pgtest.Directory(t)
	blue := startBlue(t, dir, 15)
	location := filepath.Join(dir, "space")
	for _, path := range []string{location, location + "-clone", location + "-clone/somebody's"} {
		if _, err := account(t).Mkdir(path); err != nil {
			t.Fatal(err)
		}
	}
	blue.Exec(t, "postgres", `CREATE TABLESPACE space LOCATION `+postgres.Literal(location))
	target := targetIn(t, dir)
	if _, err := clone.Run(t.Context(), sourceOf(blue), target, clone.Copy, 0, nil); err == nil {
		t.Fatal("a clone was made over somebody's files")
	}
	if _, err := os.Stat(location + "-clone/somebody's"); err != nil {
		t.Error(err)
	}
	target.Tablespaces = func(location string) string { return location }
	if _, err := clone.Run(t.Context(), sourceOf(blue), target, clone.Copy, 0, nil); err == nil {
		t.Fatal("the clone shares a tablespace with blue")
	}
}

func TestChooseSaysWhy(t *testing.T) {
	dir := pgtest.Directory(t)
	blue := startBlue(t, dir, 15)
	target := targetIn(t, dir)
	method, reason, err := clone.Choose(t.Context(), sourceOf(blue), target, clone.Auto)
	t.Log(method, reason, err)
	if err != nil || reason == "" || method == clone.BaseBackup {
		t.Errorf("got %q, %q, %v", method, reason, err)
	}
	elsewhere := sourceOf(blue)
	elsewhere.Cluster = pgctl.Cluster{}
	if method, _, err = clone.Choose(t.Context(), elsewhere, target, ""); err != nil || method != clone.BaseBackup {
		t.Errorf("got %q, %v", method, err)
	}
	for _, wanted := range []string{clone.Copy, clone.Reflink, "magic"} {
		if _, _, err := clone.Choose(t.Context(), elsewhere, target, wanted); err == nil {
			t.Errorf("%s works where blue is elsewhere", wanted)
		}
	}
	target.DataDirectory = filepath.Join(blue.Cluster.DataDirectory, "clone")
	if method, _, err := clone.Choose(t.Context(), sourceOf(blue), target, clone.Copy); err == nil {
		t.Errorf("got %s inside blue", method)
	}
	other := pgtest.Start(t, 15)
	wrong := sourceOf(blue)
	wrong.Cluster = other.Cluster
	if _, err := clone.Run(t.Context(), wrong, targetIn(t, dir), clone.Copy, 0, nil); err == nil {
		t.Error("the files of another cluster were cloned")
	}
}
