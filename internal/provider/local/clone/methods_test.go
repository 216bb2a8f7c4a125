package clone_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/provider/local/clone"
)

func TestACloneUnderLoadIsExact(t *testing.T) {
	for _, major := range majors {
		for _, method := range []string{clone.Copy, clone.BaseBackup} {
			t.Run(fmt.Sprintf("%d/%s", major, method), func(t *testing.T) {
				t.Parallel()
				checkExact(t, pgtest.Directory(t), major, method)
			})
		}
		t.Run(fmt.Sprintf("%d/reflink", major), func(t *testing.T) {
			t.Parallel()
			checkExact(t, image(t, "xfs", 1500), major, clone.Reflink)
		})
	}
	t.Run("17/reflink/btrfs", func(t *testing.T) {
		checkExact(t, image(t, "btrfs", 1500), 17, clone.Reflink)
	})
}

func checkExact(t *testing.T, dir string, major int, method string) {
	t.Helper()
	blue := startBlue(t, dir, major)
	stop := load(t, blue)
	target := targetIn(t, dir)
	pgtest.Eventually(t, waiting, "blue has rows", func() bool {
		return query[int64](t, blue.Server, `SELECT count(*) FROM public.log`)[0] > 200
	})
	run(t, blue, target, method)
	server, lsn := recovered(t, clusterOf(blue, target))
	before := query[int64](t, blue.Server, `SELECT count(*) FROM public.log`)[0]
	pgtest.Eventually(t, waiting, "blue goes on", func() bool {
		return query[int64](t, blue.Server, `SELECT count(*) FROM public.log`)[0] > before+50
	})
	stop()
	in, after := exact(t, blue, server, lsn)
	if in == 0 || after == 0 {
		t.Fatalf("%d transactions in the clone, %d after it: that proves nothing", in, after)
	}
	t.Logf("clone LSN %s: %d transactions in the clone, %d after it", lsn, in, after)
	if inBackup(t, blue) {
		t.Error("blue is still in backup mode")
	}
}

func TestBluesFilesStayAsTheyAre(t *testing.T) {
	dir := pgtest.Directory(t)
	blue := startBlue(t, dir, 15)
	blue.Exec(t, "postgres", `CHECKPOINT`)
	before := filesOf(t, blue.Cluster.DataDirectory)
	target := targetIn(t, dir)
	if _, _, err := clone.Choose(t.Context(), sourceOf(blue), target, clone.Auto); err != nil {
		t.Fatal(err)
	}
	run(t, blue, target, clone.Copy)
	server, _ := recovered(t, clusterOf(blue, target))
	query[int64](t, server, `SELECT count(*) FROM public.log`)
	after := filesOf(t, blue.Cluster.DataDirectory)
	for name, was := range before {
		if after[name] != was {
			t.Errorf("%s was %s, is %s", name, was, after[name])
		}
	}
}

// filesOf returns modes, times and sums of the files that only a writer on blue would change.
func filesOf(t *testing.T, data string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(filepath.Join(data, "base"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || entry.Name() == "pg_internal.init" {
			return err
		}
		content, err1 := os.ReadFile(path)
		info, err2 := entry.Info()
		if err1 != nil || err2 != nil {
			return fmt.Errorf("%w, %w", err1, err2)
		}
		files[path] = fmt.Sprintf("%s %s %x", info.Mode(), info.ModTime(), sha256.Sum256(content))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
