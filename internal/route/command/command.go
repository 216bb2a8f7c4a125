// Package command is the route that a program of the operator's moves: for load balancers, service discovery and DNS that pgteal does not
// know. docs/command.md says what the program is asked and how it answers.
package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/route"
)

// DefaultTimeout bounds a call where the configuration does not.
const DefaultTimeout = 10 * time.Second

// What the program is asked, in PGTEAL_ACTION.
const (
	actionCheck   = "check"
	actionHold    = "hold"
	actionPoint   = "point"
	actionWhere   = "where"
	actionRelease = "release"
	actionRestore = "restore"
	actionForget  = "forget"
)

// The exit codes with a meaning of their own, as sysexits(3) has them. 0 is done, every other one has failed.
const (
	exitUnsupported = 69 // EX_UNAVAILABLE: the program does not know the action
	exitTempFail    = 75 // EX_TEMPFAIL: open transactions did not end in time, clients go on
)

// letGoLimit bounds how long Hold tries to let clients go on after it has failed. It may use it in full: clients that wait for ever are worse.
const letGoLimit = 5 * time.Second

// Command is the route that a program moves. It may be used concurrently as far as the program may.
type Command struct {
	upgrade string
	run     []string
	timeout time.Duration
}

var _ route.Route = (*Command)(nil)

// New returns the route of the upgrade that run, a program's absolute path and its arguments, moves. A call that takes longer than
// timeout is killed with everything that it has started; 0 means DefaultTimeout.
func New(upgrade string, run []string, timeout time.Duration) *Command {
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	return &Command{upgrade: upgrade, run: slices.Clone(run), timeout: timeout}
}

// Name is `command /usr/local/bin/move-clients`.
func (c *Command) Name() string { return "command " + c.run[0] }

// Hold asks the program to keep clients waiting. Where that fails or ctx ends first, the program is asked to release them.
func (c *Command) Hold(ctx context.Context) error {
	_, err := c.call(ctx, actionHold, route.Endpoint{})
	if err == nil || errors.Is(err, errUnsupported) {
		return nil
	}
	if ctx.Err() != nil || exitCode(err) == exitTempFail {
		err = fmt.Errorf("hold the clients of %s: %w (%w)", c.Name(), route.ErrHoldTimeout, err)
	}
	letGo, cancel := context.WithTimeout(context.WithoutCancel(ctx), letGoLimit)
	defer cancel()
	if failed := c.Release(letGo); failed != nil {
		return fault.WithHint(errors.Join(err, failed),
			"Clients may still be held. Let them go on with: "+c.shell(actionRelease))
	}
	return err
}

// Point asks the program to lead clients to endpoint.
func (c *Command) Point(ctx context.Context, endpoint route.Endpoint) error {
	_, err := c.call(ctx, actionPoint, endpoint)
	return err
}

// Where asks the program where it leads clients. It returns none where the program cannot tell.
func (c *Command) Where(ctx context.Context) ([]route.Endpoint, error) {
	out, err := c.call(ctx, actionWhere, route.Endpoint{})
	if errors.Is(err, errUnsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	endpoints, err := parseEndpoints(out)
	if err != nil {
		return nil, fault.WithHint(fmt.Errorf("%s: %s: %w", c.Name(), actionWhere, err),
			"For `where` the program prints one address a line, `host:port`, and nothing else on standard output.")
	}
	return endpoints, nil
}

// Release asks the program to let clients go on.
func (c *Command) Release(ctx context.Context) error { return c.optional(ctx, actionRelease) }

// Restore asks the program to lead clients back to where they were before the first Point. One that cannot is an error: they would stay at
// a closed server.
func (c *Command) Restore(ctx context.Context) error {
	_, err := c.call(ctx, actionRestore, route.Endpoint{})
	if errors.Is(err, errUnsupported) {
		return fault.WithHint(err, "Lead the clients back yourself, let the program end with 0 for `restore`, and run the same command again.")
	}
	return err
}

// Forget asks the program to remove what it would restore.
func (c *Command) Forget() error { return c.optional(context.Background(), actionForget) }

// Close has nothing to close.
func (*Command) Close() error { return nil }

// optional asks for an action that a program need not know.
func (c *Command) optional(ctx context.Context, action string) error {
	_, err := c.call(ctx, action, route.Endpoint{})
	if errors.Is(err, errUnsupported) {
		return nil
	}
	return err
}

// parseEndpoints reads lines of host:port. A host that begins with a slash is a socket directory.
func parseEndpoints(out string) ([]route.Endpoint, error) {
	var endpoints []route.Endpoint
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		host, text, err := net.SplitHostPort(line)
		port, numeric := strconv.ParseUint(text, 10, 16)
		if err != nil || numeric != nil || host == "" || port == 0 {
			return nil, fmt.Errorf("%q is no address", line)
		}
		e := route.Endpoint{Host: host, Port: int(port)}
		if strings.HasPrefix(host, "/") {
			e = route.Endpoint{SocketDirectory: host, Port: e.Port}
		}
		if !slices.Contains(endpoints, e) {
			endpoints = append(endpoints, e)
		}
	}
	if endpoints == nil {
		return nil, errors.New("it printed no address")
	}
	return endpoints, nil
}
