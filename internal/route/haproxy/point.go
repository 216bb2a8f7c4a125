package haproxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/record"
)

// Point leads clients to endpoint: to the server that has its address, else to the spare one, or the only one, which gets it. It
// then ends the sessions that lead elsewhere, and writes the state file. Clients that wait go on waiting.
//
// The server counts as up from then on: while its gate was closed, health checks may have failed. They go on and decide anew.
func (h *HAProxy) Point(ctx context.Context, endpoint route.Endpoint) error {
	if err := h.point(ctx, endpoint); err != nil {
		return fmt.Errorf("point %s: %w", h.name, err)
	}
	return nil
}

func (h *HAProxy) point(ctx context.Context, endpoint route.Endpoint) error {
	servers, err := h.servers(ctx)
	if err != nil {
		return err
	}
	before, known, err := h.before(servers)
	if err != nil {
		return err
	}
	target, err := before.target(ctx, servers, endpoint)
	if err != nil {
		return err
	}
	if !known {
		if err := record.Write(h.originalRecord(), h.name, before); err != nil {
			return err
		}
	}
	for i := range servers {
		if servers[i].Name == target.Name {
			servers[i] = target
		} else {
			servers[i].Admin |= inMaintenance
		}
	}
	if err := h.arrange(ctx, servers); err != nil {
		return err
	}
	return h.writeState(ctx)
}

// before returns what was before the first Point, and whether that is written down. Before the first Point it is what is now.
func (h *HAProxy) before(servers []server) (before original, known bool, err error) {
	if known, err = record.Read(h.originalRecord(), h.name, &before); err != nil || known {
		return before, known, err
	}
	before = original{Socket: h.Socket, Backend: h.Backend, Servers: slices.Clone(servers)}
	before.StateFile, err = h.readState()
	return before, false, err
}

// target returns the server of servers that is to lead to endpoint, as it is to be.
func (o *original) target(ctx context.Context, servers []server, endpoint route.Endpoint) (server, error) {
	var first, spare *server // as the first Point found them
	for i := range o.Servers {
		if s := &o.Servers[i]; s.maintenance() {
			spare = s
		} else {
			first = s
		}
	}
	switch {
	case first == nil:
		return server{}, errors.New("all its servers were in maintenance")
	case len(servers) != len(o.Servers) || len(servers) > mostServers:
		return server{}, fmt.Errorf("it has %d servers, %d at first; one or two are understood", len(servers), len(o.Servers))
	}
	chosen := first
	if spare != nil {
		chosen = spare
	}
	addresses := []string{first.Address}
	if endpoint.Host != "" {
		var err error
		if addresses, err = lookup(ctx, endpoint.Host); err != nil {
			return server{}, err
		}
	}
	address := addresses[0]
	for _, a := range addresses {
		for i := range servers {
			if servers[i].at(a, endpoint.Port) {
				chosen, address = &servers[i], a
			}
		}
	}
	s := named(servers, chosen.Name)
	if s == nil {
		return server{}, fmt.Errorf("server %q is gone", chosen.Name)
	}
	target := *s
	target.Address, target.Port = address, endpoint.Port
	target.Admin &^= inMaintenance | draining
	return target, nil
}

// arrange makes the servers be as wanted, one of which is to take clients, and returns when HAProxy shows it and no session of the
// backend leads anywhere else. None takes clients in between that should not.
func (h *HAProxy) arrange(ctx context.Context, wanted []server) error {
	var serving server
	for _, s := range wanted {
		if !s.maintenance() {
			serving = s
		} else if err := h.setServer(ctx, s.Name, "state maint"); err != nil {
			return err
		}
	}
	for _, s := range wanted {
		if err := h.setAddress(ctx, s); err != nil {
			return err
		}
	}
	for _, command := range []string{"state ready", "health up"} {
		if err := h.setServer(ctx, serving.Name, command); err != nil {
			return err
		}
	}
	err := h.await(ctx, "the servers' new states to be in force", func() (bool, error) {
		servers, err := h.servers(ctx)
		for _, s := range servers {
			if is := named(wanted, s.Name); is == nil || s.maintenance() != is.maintenance() {
				return false, err
			}
		}
		return true, err
	})
	if err != nil {
		return err
	}
	return h.endOthers(ctx, serving)
}

// setServer changes something of a server for which HAProxy answers nothing.
func (h *HAProxy) setServer(ctx context.Context, name, what string) error {
	return h.tell(ctx, "set server %s/%s %s", h.Backend, name, what)
}

// setAddress gives a server its address, and returns when it is in force, which is some time after HAProxy has answered.
func (h *HAProxy) setAddress(ctx context.Context, s server) error {
	var asked bool
	return h.await(ctx, fmt.Sprintf("server %q to lead to %s", s.Name, s.endpoint()), func() (bool, error) {
		servers, err := h.servers(ctx)
		if err != nil {
			return false, err
		}
		is := named(servers, s.Name)
		if is == nil {
			return false, fmt.Errorf("server %q is gone", s.Name)
		}
		if is.at(s.Address, s.Port) || is.Address == s.Address && is.Port == s.Port {
			return true, nil
		}
		if asked {
			return false, nil
		}
		asked = true
		answer, err := h.ask(ctx, fmt.Sprintf("set server %s/%s addr %s port %d", h.Backend, s.Name, s.Address, s.Port))
		if err == nil && !strings.Contains(answer, "changed") { // "nothing changed" where somebody else was faster
			err = fmt.Errorf("lead server %q to %s: HAProxy says %q", s.Name, s.endpoint(), answer)
		}
		return false, err
	})
}

// await waits until a condition holds.
func (h *HAProxy) await(ctx context.Context, what string, condition func() (bool, error)) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		holds, err := condition()
		if err != nil || holds {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}

// Restore puts servers and state file back as they were before the first Point, and ends the sessions that lead elsewhere. Clients
// that wait go on waiting.
func (h *HAProxy) Restore(ctx context.Context) error {
	var before original
	known, err := record.Read(h.originalRecord(), h.name, &before)
	if err != nil || !known {
		return err
	}
	if err := h.arrange(ctx, before.Servers); err != nil {
		return fmt.Errorf("restore %s: %w", h.name, err)
	}
	if err := h.putState(before.StateFile); err != nil {
		return fmt.Errorf("restore %s: %w", h.StateFile, err)
	}
	return record.Remove(h.name, h.originalRecord()) // Release still needs the other one
}
