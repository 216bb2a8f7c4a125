package clone_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/provider/local/clone"
)

// Killed at any moment of its recovery, a clone that is recovered again has the LSN and the rows that it would have had.
func TestRecoveryThatIsCutOffEndsAtTheSameLSN(t *testing.T) {
	for _, major := range []int{13, 18} {
		t.Run(strconv.Itoa(major), func(t *testing.T) {
			dir := pgtest.Directory(t)
			blue := startBlue(t, dir, major, setting("wal_keep_size", "1GB"))
			target := targetIn(t, dir)
			run(t, blue, target, clone.Copy)
			blue.Exec(t, "postgres", `INSERT INTO public.log SELECT n, repeat('x', 300) FROM generate_series(1, 50000) AS n`,
				`SELECT pg_switch_wal()`)
			moreWAL(t, blue.Cluster.DataDirectory, target.DataDirectory)

			whole := target
			whole.DataDirectory += "-whole"
			duplicate(t, target.DataDirectory, whole.DataDirectory)
			_, want := recovered(t, clusterOf(blue, whole))

			c := clusterOf(blue, target)
			stopAfter(t, c)
			moments := map[string]func() bool{
				"the server begins":      exists(c, "postmaster.pid"),
				"it replays":             exists(c, "backup_label.old"),
				"its history is written": exists(c, "pg_wal/0000000?.history"),
				"the signal is gone":     gone(c, "recovery.signal"),
			}
			for what, come := range moments {
				one := target
				one.DataDirectory = filepath.Join(dir, "cut")
				duplicate(t, target.DataDirectory, one.DataDirectory)
				c.DataDirectory = one.DataDirectory
				for range 2 { // the second time from where the first was cut off
					killAt(t, c, come)
				}
				signal, history := exists(c, "recovery.signal")(), exists(c, "pg_wal/*.history")()
				control, err := c.ControlData(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("killed when %s: signal %v, history %v, %s", what, signal, history, control["Database cluster state"])
				_, lsn := recovered(t, c)
				if lsn != want {
					t.Errorf("killed when %s: LSN %s, wanted %s", what, lsn, want)
				}
				server, err := clone.Start(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				if got := query[int64](t, server, `SELECT count(*) FROM public.log`)[0]; got != 50000 {
					t.Errorf("killed when %s: %d rows", what, got)
				}
				if err := clone.Stop(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				if err := os.RemoveAll(one.DataDirectory); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func exists(c pgctl.Cluster, name string) func() bool {
	dir := filepath.Join(filepath.Dir(c.DataDirectory), "cut")
	return func() bool {
		found, _ := filepath.Glob(filepath.Join(dir, name))
		return found != nil
	}
}

func gone(c pgctl.Cluster, name string) func() bool {
	there, seen := exists(c, name), false
	return func() bool {
		now := there()
		seen = seen || now
		return seen && !now
	}
}

// killAt kills the server and the recovery when a moment has come, as a crash of the machine would.
func killAt(t *testing.T, c pgctl.Cluster, come func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = clone.Recover(ctx, c, nil) // it is meant to fail
	}()
	deadline := time.Now().Add(waiting)
	for !come() {
		select {
		case <-ended: // too late for this moment: recovered
			cancel()
			return
		default:
			if time.Now().After(deadline) {
				t.Fatal("the moment does not come")
			}
		}
	}
	killServer(c)
	cancel()
	<-ended
}

// killServer kills a postmaster. Its processes end when they see that.
func killServer(c pgctl.Cluster) {
	content, err := os.ReadFile(filepath.Join(c.DataDirectory, "postmaster.pid"))
	if err != nil {
		return
	}
	var pid int
	if _, err := fmt.Sscan(string(content), &pid); err == nil && pid > 1 {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	}
}
