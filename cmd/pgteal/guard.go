package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgteal/pgteal/internal/upgrade"
)

// standing is what the guard prints once it watches.
const standing = "standing"

// guard is the process that outlives a pgteal killed in the pause. It is not for people.
func (c *cli) guard() *cobra.Command {
	return &cobra.Command{
		Use:    "guard",
		Short:  "Watch a switchover (started by pgteal switchover itself)",
		Hidden: true,
		RunE: func(*cobra.Command, []string) error {
			// What ends the process that it watches must not end it, too.
			signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
			watched, err := os.FindProcess(os.Getppid()) // it is this process for as long as the pipe from it is open
			if err != nil {
				return err
			}
			parts := func() (upgrade.Parts, error) { return c.parts(context.Background(), nil) }
			if _, err := parts(); err != nil { // better now than in the pause
				return err
			}
			fmt.Fprintln(c.stdout, standing)
			return upgrade.Watch(context.Background(), os.Stdin, watched.Kill, parts)
		},
	}
}

// guardOf returns what starts this binary as the guard of the upgrade in configFile: in a session of its own, so that what a terminal or a
// service manager sends to the process group passes it by. The pipe between them ends with this process, however that ends.
func guardOf(configFile string) upgrade.Guard {
	return func(context.Context) (release func() error, err error) {
		binary, err := os.Executable()
		if err != nil {
			return nil, err
		}
		file, err := filepath.Abs(configFile)
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(binary, "guard", "--config", file) //nolint:noctx // it has to outlive every context
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		cmd.Stderr = os.Stderr
		alive, err := cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		// Stopped by Ctrl-Z, this process would stand still in the pause, and the guard would end it.
		signal.Ignore(syscall.SIGTSTP)
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		if word, err := bufio.NewReader(out).ReadString('\n'); word != standing+"\n" {
			_ = alive.Close()
			return nil, fmt.Errorf("it did not stand up (%w): %w", err, cmd.Wait())
		}
		stop := beat(alive)
		return func() error {
			stop()
			_, err := alive.Write([]byte{upgrade.Released})
			if err != nil {
				return fmt.Errorf("release the guard: %w", err)
			}
			return cmd.Wait()
		}, nil
	}
}

// beat tells the guard that this process is alive, until it is stopped.
func beat(alive io.Writer) (stop func()) {
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(upgrade.Beat)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				_, _ = alive.Write([]byte{upgrade.Alive}) // a guard that is gone cannot be told
			}
		}
	}()
	return func() { close(done); <-stopped }
}
