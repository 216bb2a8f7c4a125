package torture

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
)

// The exit codes.
const (
	done      = fault.Kind(0)
	usage     = fault.Usage
	forbidden = fault.Forbidden
	killed    = fault.Kind(-1)
)

// commandLimit bounds how long a command may take when nothing disturbs it any more.
const commandLimit = 2 * time.Minute

// command is a run of pgteal.
type command struct {
	*exec.Cmd
	output string // the file with all that it says
	begun  time.Time
	ended  chan struct{}
	code   fault.Kind // once it has ended
}

// start starts a command for the site, in a process group of its own. Its output goes to a file, not a pipe: servers that it starts live on.
func (r *round) start(args ...string) *command {
	r.t.Helper()
	file, err := os.CreateTemp(r.outputs, args[0]+"-")
	if err != nil {
		r.t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // the process has its own
	c := &command{
		Cmd: exec.Command(program, append(args, "--config", r.site.File)...), output: file.Name(), begun: time.Now(), ended: make(chan struct{}),
	}
	c.Stdout, c.Stderr = file, file
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		defer close(c.ended)
		err := c.Wait()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			c.code = fault.Kind(exit.ExitCode())
		}
	}()
	r.t.Cleanup(func() {
		c.signal(syscall.SIGKILL)
		<-c.ended
	})
	return c
}

// signal sends a signal to the process. One that has ended gets none.
func (c *command) signal(signal syscall.Signal) { _ = c.Process.Signal(signal) }

// line is the command as people type it.
func (c *command) line() string { return "pgteal " + strings.Join(c.Args[1:len(c.Args)-2], " ") }

// said is the end of what the command said.
func (c *command) said() string { return pgctl.Tail(c.output, 12) }

// await waits until the command has ended. One that hangs tells where, and the round fails.
func (r *round) await(c *command) {
	r.t.Helper()
	limit := time.NewTimer(commandLimit)
	defer limit.Stop()
	select {
	case <-c.ended:
	case <-limit.C:
		c.signal(syscall.SIGQUIT) // it prints its goroutines
		<-c.ended
		r.t.Fatalf("%s hung for %s; where is in %s", c.line(), commandLimit, filepath.Base(c.output))
	}
}

// awaitGuards waits until no guard is left.
func (r *round) awaitGuards() {
	r.t.Helper()
	r.eventually("the guard has ended", func() bool { return len(r.guards()) == 0 })
}
