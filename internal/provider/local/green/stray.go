package green

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// strayLimit bounds the wait for what an earlier, cut-off attempt left running.
const strayLimit = 2 * time.Minute

// endStrays ends what a cut-off pg_upgrade left behind: itself (pgteal was killed, and it went on), its helpers, and the servers
// that it had started on the clone and on green. It returns the lock under which the next pg_upgrade runs.
//
// Every one of them has inherited the lock file, so the lock is free only once all are gone, whatever became of their parents.
func (g Cluster) endStrays(ctx context.Context) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, strayLimit)
	defer cancel()
	path := filepath.Join(g.run(), "lock")
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err := errors.Join(g.endServer(ctx, g.Old), g.endServer(ctx, g.New)); err != nil {
			lock.Close() //nolint:errcheck,gosec // nothing was written
			return nil, err
		}
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			// A server that was just being started may have written its postmaster.pid only now.
			return lock, errors.Join(g.endServer(ctx, g.Old), g.endServer(ctx, g.New))
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			lock.Close() //nolint:errcheck,gosec // nothing was written
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		g.killGroup()
		select {
		case <-ctx.Done():
			lock.Close() //nolint:errcheck,gosec // nothing was written
			return nil, fmt.Errorf("wait for the end of an earlier pg_upgrade, which holds %s open: %w", path, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// killGroup kills the process group of the last pg_upgrade. Call it only while the lock is held by somebody: as long as a member
// of the group lives, the system gives its number to nobody else.
func (g Cluster) killGroup() {
	content, err := os.ReadFile(g.pidFile())
	if err != nil {
		return
	}
	if group, err := strconv.Atoi(strings.TrimSpace(string(content))); err == nil && group > 1 && g.runsHere(group) {
		_ = syscall.Kill(-group, syscall.SIGKILL) // it may have ended meanwhile
	}
}

// runsHere tells whether a process of the group works in our private directory or on one of the two clusters.
func (g Cluster) runsHere(group int) bool {
	if !exists("/proc/self/cwd") {
		return true // this system does not tell; the lock has to do
	}
	processes, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, process := range processes {
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil || !worksIn(pid, g.run()) && !worksIn(pid, g.Old.DataDirectory) && !worksIn(pid, g.New.DataDirectory) {
			continue
		}
		if of, err := syscall.Getpgid(pid); err == nil && of == group {
			return true
		}
	}
	return false
}

func (g Cluster) pidFile() string { return filepath.Join(g.run(), "pid") }

// endServer stops the server on a data directory of ours. A postmaster.pid that outlived its server (kill -9, a power cut) may name
// a process that is now something else, blue's server even: such a file is removed and the process left alone.
func (g Cluster) endServer(ctx context.Context, c pgctl.Cluster) error {
	if c.DataDirectory == "" {
		return nil // the clone is gone by now
	}
	file := filepath.Join(c.DataDirectory, "postmaster.pid")
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return nil //nolint:nilerr // it is being written; the lock is still held, so we come back
	}
	pid = max(pid, -pid) // a single-user server writes it with a minus sign
	if exists("/proc/self/cwd") && !worksIn(pid, c.DataDirectory) {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if strings.HasPrefix(first, "-") {
		return nil // it holds the lock, so its group is killed
	}
	if err := c.Stop(ctx, "fast"); err != nil && exists(file) {
		return err
	}
	return nil
}

// worksIn tells whether a process's working directory is dir. Every server's is its data directory.
func worksIn(pid int, dir string) bool {
	here, err1 := os.Stat("/proc/" + strconv.Itoa(pid) + "/cwd")
	there, err2 := os.Stat(dir)
	return err1 == nil && err2 == nil && os.SameFile(here, there)
}
