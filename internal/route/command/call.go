package command

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/pgteal/pgteal/internal/command"
	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/route"
)

// errUnsupported says that the program does not know an action.
var errUnsupported = errors.New("the program does not support it")

// Limits of what is kept of a program's output, in bytes.
const (
	maxOutput   = 64 << 10 // of standard output; more is an error of `where`
	maxMessages = 4 << 10  // of standard error; the last ones
)

// call runs the program for one action and returns its standard output.
func (c *Command) call(ctx context.Context, action string, endpoint route.Endpoint) (string, error) {
	out, messages := &head{limit: maxOutput}, &tail{limit: maxMessages}
	err := command.Command{
		Program: c.run[0], Arguments: c.run[1:], Environment: c.environment(ctx, action, endpoint), Timeout: c.timeout, Stdout: out, Stderr: messages,
	}.Run(ctx)
	switch {
	case exitCode(err) == exitUnsupported:
		return "", fmt.Errorf("%s: %s: %w", c.Name(), action, errUnsupported)
	case err == nil && out.more:
		err = fmt.Errorf("it printed more than %d bytes", maxOutput)
	}
	if err == nil {
		return string(out.kept), nil
	}
	text := strings.ToValidUTF8(strings.TrimSpace(string(messages.kept)), "?")
	if text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return "", fault.WithHint(fmt.Errorf("%s: %s: %w", c.Name(), action, err), fmt.Sprintf("Try it by itself: %s", c.shell(action)))
}

// environment is what the program learns beside pgteal's own environment. Every variable is always there.
func (c *Command) environment(ctx context.Context, action string, endpoint route.Endpoint) []string {
	port := ""
	if endpoint.Port != 0 {
		port = strconv.Itoa(endpoint.Port)
	}
	timeout := c.timeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(0, min(timeout, time.Until(deadline)))
	}
	return []string{
		"PGTEAL_ACTION=" + action,
		"PGTEAL_UPGRADE=" + c.upgrade,
		"PGTEAL_ROUTE=" + c.Name(),
		"PGTEAL_HOST=" + endpoint.Host,
		"PGTEAL_PORT=" + port,
		"PGTEAL_SOCKET_DIRECTORY=" + endpoint.SocketDirectory,
		"PGTEAL_TIMEOUT=" + strconv.FormatFloat(timeout.Seconds(), 'f', 3, 64),
	}
}

// shell returns the command line with which an operator does the same.
func (c *Command) shell(action string) string {
	line := "PGTEAL_ACTION=" + action
	if action == actionPoint {
		line += " PGTEAL_HOST=... PGTEAL_PORT=..."
	}
	for _, word := range c.run {
		line += " '" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return line
}

// exitCode is what a program ended with, -1 where it did not end by itself.
func exitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return -1
}

// head keeps the first bytes written to it.
type head struct {
	kept  []byte
	limit int
	more  bool // something was left out
}

func (h *head) Write(p []byte) (int, error) {
	room := min(len(p), h.limit-len(h.kept))
	h.more = h.more || room < len(p)
	h.kept = append(h.kept, p[:room]...)
	return len(p), nil
}

// tail keeps the last bytes written to it.
type tail struct {
	kept  []byte
	limit int
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}
