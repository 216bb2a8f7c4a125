// Package command runs programs that the operator names: each within a time limit, and with an end to everything that it has started when
// the limit is over.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Command is one run of a program. No shell reads it.
type Command struct {
	Program     string // its absolute path
	Arguments   []string
	Environment []string      // NAME=value, beside pgteal's own environment and before it where both have a name
	Timeout     time.Duration // the whole process group is killed then
	Stdout      io.Writer     // may be the same as Stderr; nil: thrown away
	Stderr      io.Writer
}

// straggling is how long a process that the program has left behind may keep the output open. The output is closed then, and the process
// runs on.
const straggling = 100 * time.Millisecond

// Run runs the program to its end. Its standard input is empty. Where ctx ends first, or the timeout is over, the program is killed with its
// process group. The error is then ctx's, or says how long the timeout was; else it is an *exec.ExitError, or what kept the program from
// being started.
func (c Command) Run(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	cmd := exec.CommandContext(limited, c.Program, c.Arguments...)
	cmd.Env = append(os.Environ(), c.Environment...)
	cmd.Stdout, cmd.Stderr = c.Stdout, c.Stderr
	cmd.WaitDelay = straggling
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	err := runGroup(cmd)
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // it has ended well; something that it started may run on
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return fmt.Errorf("it took longer than its timeout of %s and was killed", c.Timeout)
	}
	return err
}
