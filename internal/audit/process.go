package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// Main is a whole process that runs writers: it reads them from stdin, as one line of JSON, says "ready" on stdout when they are
// at work, and ends them when stdin ends or SIGTERM comes. Its other end is Spawn.
func Main(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	input := bufio.NewReader(stdin)
	line, err := input.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read what the writers are to do: %w", err)
	}
	var writers []Writer
	if err := json.Unmarshal(line, &writers); err != nil {
		return fmt.Errorf("read what the writers are to do: %w", err)
	}
	load, err := Start(ctx, writers...)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "ready")
	go func() {
		_, _ = io.Copy(io.Discard, input) // it ends with our parent at the latest
		stop()
	}()
	<-ctx.Done()
	return load.Stop()
}

// Process is a process that runs Main.
type Process struct {
	command *exec.Cmd
	stdin   io.Closer
}

// Spawn starts command, a program that calls Main, and returns when its writers are at work. Connection strings go through a
// pipe, not through the arguments.
func Spawn(command *exec.Cmd, writers ...Writer) (*Process, error) {
	content, err := json.Marshal(writers)
	if err != nil {
		return nil, err
	}
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start a process for the writers: %w", err)
	}
	p := &Process{command: command, stdin: stdin}
	_, err = stdin.Write(append(content, '\n'))
	if err == nil {
		_, err = bufio.NewReader(stdout).ReadString('\n')
	}
	if err != nil {
		return nil, fmt.Errorf("start a process for the writers: %w", errors.Join(err, p.Stop()))
	}
	return p, nil
}

// Stop lets the writers end their operations and waits for the process.
func (p *Process) Stop() error {
	return errors.Join(p.stdin.Close(), p.command.Wait())
}

// Kill ends the process with SIGKILL, in the middle of whatever its writers do, and waits for it.
func (p *Process) Kill() error {
	if err := p.command.Process.Kill(); err != nil {
		return err
	}
	_ = p.command.Wait() // it says that the process was killed
	return nil
}
