package command_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pgteal/pgteal/internal/command"
	"github.com/pgteal/pgteal/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shell is a command that a shell script is, with a directory of the test's own as its first argument.
func shell(t *testing.T, script string) (c command.Command, dir string) {
	t.Helper()
	dir = t.TempDir()
	return command.Command{Program: "/bin/sh", Arguments: []string{"-c", script, "sh", dir}, Timeout: time.Minute}, dir
}

// pid reads the id of a process that a script has written down.
func pid(t *testing.T, dir, name string) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	id, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// gone waits until a process is gone. In a container nobody may reap it: a zombie counts as gone.
func gone(t *testing.T, id int) {
	t.Helper()
	pgtest.Eventually(t, time.Minute, "the process is gone", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
		return err != nil && syscall.Kill(id, 0) != nil || strings.Contains(string(stat), ") Z ")
	})
}

func TestAProgramGetsItsArgumentsAndEnvironmentAndNoInput(t *testing.T) {
	t.Setenv("NAME", "pgteal's")
	t.Setenv("OTHER", "is there")
	var out, messages bytes.Buffer
	c := command.Command{
		Program: "/bin/sh", Arguments: []string{"-c", `printf '%s|' "$NAME" "$OTHER" "$@"; cat; echo note >&2`, "sh", "a b", "$HOME; *"},
		Environment: []string{"NAME=its own"}, Timeout: time.Minute, Stdout: &out, Stderr: &messages,
	}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out.String() != "its own|is there|a b|$HOME; *|" || messages.String() != "note\n" {
		t.Errorf("it printed %q and %q", out.String(), messages.String())
	}
}

func TestAProgramThatFailsOrCannotBeStartedSaysSo(t *testing.T) {
	c, dir := shell(t, "exit 7")
	var exit *exec.ExitError
	if err := c.Run(t.Context()); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("got %v", err)
	}
	c.Program = filepath.Join(dir, "missing")
	if err := c.Run(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// The program and its child are killed, also where they do not listen to signals.
func TestATimeoutKillsTheProcessGroup(t *testing.T) {
	c, dir := shell(t, `trap '' TERM INT HUP; (echo begun; exec sleep 600) & echo $! >"$1/child"; echo $$ >"$1/program"; wait`)
	c.Timeout = 5 * time.Second
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "timeout of 5s") {
		t.Errorf("got %v", err)
	}
	if out.String() != "begun\n" {
		t.Errorf("its output is %q", out.String())
	}
	gone(t, pid(t, dir, "program"))
	gone(t, pid(t, dir, "child"))
}

func TestTheEndOfTheContextKillsTheProcessGroup(t *testing.T) {
	c, dir := shell(t, `sleep 600 & echo $! >"$1/new"; mv "$1/new" "$1/child"; wait`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	pgtest.Eventually(t, time.Minute, "the program has a child", func() bool {
		_, err := os.Stat(filepath.Join(dir, "child"))
		return err == nil
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	gone(t, pid(t, dir, "child"))
}

func TestAProgramMayLeaveAProcessBehind(t *testing.T) {
	c, dir := shell(t, `sleep 600 & echo $! >"$1/left"; echo done`)
	var out bytes.Buffer
	c.Stdout = &out
	if err := c.Run(t.Context()); err != nil || out.String() != "done\n" {
		t.Errorf("got %v after %q", err, out.String())
	}
	if err := syscall.Kill(pid(t, dir, "left"), syscall.SIGKILL); err != nil {
		t.Errorf("what it left behind is gone: %v", err)
	}
}

func TestLinesAreHandedOnWithinBounds(t *testing.T) {
	flood := strings.Repeat("x\n", 300)
	for input, want := range map[string][]string{
		"":                              nil,
		"one\ntwo":                      {"one", "two"},
		"one\r\n\n  \n\ttwo \n":         {"one", "\ttwo"},
		"\x1b[31mred\a \xff":            {"?[31mred? ?"},
		strings.Repeat("y", 501):        {strings.Repeat("y", 500) + " ..."},
		strings.Repeat("y", 500) + "\n": {strings.Repeat("y", 500)},
		flood:                           append(slices.Repeat([]string{"x"}, 200), "... and 100 more lines"),
	} {
		for _, size := range []int{1, 7, 1 << 20} { // however it comes
			var said []string
			lines := &command.Lines{Say: func(line string) { said = append(said, line) }}
			for chunk := range slices.Chunk([]byte(input), size) {
				if n, err := lines.Write(chunk); n != len(chunk) || err != nil {
					t.Fatalf("Write returned %d, %v", n, err)
				}
			}
			lines.End()
			if !slices.Equal(said, want) {
				t.Errorf("%.30q in chunks of %d: got %q", input, size, said)
			}
		}
	}
	lines := &command.Lines{Say: func(string) {}}
	fmt.Fprint(lines, "a\nb\nc\n\nd\ne\nf\ng")
	lines.End()
	if last := strings.Join(lines.Last(), ""); last != "cdefg" {
		t.Errorf("the last lines are %q", last)
	}
}
