// Package haproxy is the route through one backend of one HAProxy, in TCP mode. It is driven through the runtime API alone
// (https://docs.haproxy.org/3.0/management.html#9.3). The backend has one server, whose address changes, or two, of which one is in
// maintenance.
//
// HAProxy cannot hold sessions that are open. It can hold clients that connect: with the frontend's maxconn at 0 it accepts nobody, and
// they wait in the listener's backlog. What is set at run time is gone after a reload, so the state of the servers is also written to
// the file that the backend loads it from (server-state-file-name in https://docs.haproxy.org/3.0/configuration.html).
package haproxy

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/route"
)

// Config says which way through which HAProxy.
type Config struct {
	Socket    string // the stats socket: a path, or host:port
	Backend   string // the backend, or the listen section
	Frontend  string // the frontend before it; "" for a listen section
	StateFile string // what the backend names in server-state-file-name; pgteal owns it. "" for none: a reload leads back
	Directory string // exists; what Release and Restore need is kept here
}

// HAProxy is the route through one backend. It is not for concurrent use.
type HAProxy struct {
	Config
	name string
}

var _ route.Route = (*HAProxy)(nil)

// New returns the route of config. Nothing is opened yet.
func New(config Config) *HAProxy {
	if config.Frontend == "" {
		config.Frontend = config.Backend
	}
	return &HAProxy{Config: config, name: fmt.Sprintf("haproxy %s %s", config.Socket, config.Backend)}
}

// Name is `haproxy /run/haproxy/admin.sock postgres`.
func (h *HAProxy) Name() string { return h.name }

// Close does nothing: each command has a connection of its own.
func (h *HAProxy) Close() error { return nil }

// Where returns the addresses of the servers to which HAProxy would lead a client: not those in maintenance, draining, or down.
func (h *HAProxy) Where(ctx context.Context) ([]route.Endpoint, error) {
	servers, err := h.servers(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.name, err)
	}
	var endpoints []route.Endpoint
	for _, s := range servers {
		if s.takes() {
			endpoints = append(endpoints, route.Endpoint{Host: s.Address, Port: s.Port})
		}
	}
	return endpoints, nil
}

// shell returns the command with which an operator gives HAProxy a command.
func (h *HAProxy) shell(command string) string {
	to := h.Socket
	if !filepath.IsAbs(to) {
		to = "TCP:" + to
	}
	return fmt.Sprintf("echo '%s' | socat stdio %s", command, to)
}

func (h *HAProxy) unknownBackend() error {
	return fault.WithHint(fmt.Errorf("there is no backend %q", h.Backend), "List the backends: "+h.shell("show backend"))
}
