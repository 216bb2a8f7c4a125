package green

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/progress"
)

// pgUpgrade runs pg_upgrade to its end.
func (g Cluster) pgUpgrade(ctx context.Context, lock *os.File, f facts, step *progress.Step) error {
	sockets, err := g.sockets()
	if err != nil {
		return err
	}
	args := []string{
		"--old-bindir=" + g.Old.Directory, "--new-bindir=" + g.New.Directory,
		"--old-datadir=" + g.Old.DataDirectory, "--new-datadir=" + g.New.DataDirectory,
		"--old-options=-c config_file=old.conf", "--new-options=-c config_file=new.conf",
		"--username=" + f.superuser, "--socketdir=" + sockets,
		"--jobs=" + strconv.Itoa(runtime.NumCPU()),
	}
	if g.canLink() {
		// Not 18's --swap, which is faster: once it has begun to move directories, a cut-off attempt cannot be repeated. With
		// --link the clone stays whole until green's first start.
		args = append(args, "--link")
	}
	cmd := g.command(ctx, lock, g.New, "pg_upgrade", args...)
	cmd.Env = append(cmd.Env, "PGOPTIONS="+g.sessionOptions(), "PGCTLTIMEOUT=86400", "PGCONNECT_TIMEOUT=60")
	out := &output{step: step, begun: time.Now()}
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("pg_upgrade was cut off: %w", ctx.Err())
	}
	if err != nil {
		return g.failure(err, out.String())
	}
	return nil
}

// command returns a program that will run in run(), in a process group of its own, and that holds the lock for as long as it or
// anything that it starts lives. The next attempt can so find and end it, whatever became of this one.
func (g Cluster) command(ctx context.Context, lock *os.File, c pgctl.Cluster, program string, args ...string) *exec.Cmd {
	cmd := c.Command(ctx, c.Account, program, args...)
	// The shell writes down its own number, which is the group's, before it becomes the program.
	cmd.Args = append([]string{"sh", "-c", `echo $$ >pid && exec "$0" "$@"`, cmd.Path}, args...)
	cmd.Path = "/bin/sh"
	cmd.Dir = g.run()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.ExtraFiles = []*os.File{lock}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second // a server that was started meanwhile holds its output open
	return cmd
}

// sessionOptions overrules what ALTER ROLE and ALTER DATABASE may have set, which would end pg_upgrade's own sessions or make
// them read-only.
func (g Cluster) sessionOptions() string {
	off := []string{
		"-c default_transaction_read_only=off", "-c statement_timeout=0", "-c lock_timeout=0",
		"-c idle_in_transaction_session_timeout=0", "-c role=none",
	}
	if g.Old.Major >= 14 {
		off = append(off, "-c idle_session_timeout=0")
	}
	if g.Old.Major >= 17 {
		off = append(off, "-c transaction_timeout=0")
	}
	return strings.Join(off, " ")
}

// longestSocketDirectory leaves room for "/.s.PGSQL.50432" in the 103 bytes that every system takes (unix(7): 108 on Linux).
const longestSocketDirectory = 85

// sockets returns a directory for sockets that only the account enters: run() itself, where its path is short enough.
func (g Cluster) sockets() (string, error) {
	if len(g.run()) <= longestSocketDirectory {
		return g.run(), nil
	}
	link := filepath.Join(g.run(), "sockets") // remembers the directory, so that the next attempt removes it
	if old, err := os.Readlink(link); err == nil {
		_ = os.Remove(old) // empty, or in use by nobody we know
		if err := os.Remove(link); err != nil {
			return "", err
		}
	}
	dir, err := os.MkdirTemp("", "pgteal-")
	if err == nil {
		err = errors.Join(g.New.Account.Own(dir), os.Symlink(dir, link))
	}
	return dir, err
}

// removeSockets removes the directory that sockets made.
func (g Cluster) removeSockets() {
	if dir, err := os.Readlink(filepath.Join(g.run(), "sockets")); err == nil {
		_ = os.Remove(dir) // only an empty directory of ours; the next attempt tries again
	}
}

// canLink tries whether a file of the clone can be linked into green's data directory: not across file systems.
func (g Cluster) canLink() bool {
	from := filepath.Join(g.Old.DataDirectory, "PG_VERSION")
	to := filepath.Join(g.New.DataDirectory, "pgteal.link")
	if err := os.Link(from, to); err != nil {
		return false
	}
	return os.Remove(to) == nil
}
