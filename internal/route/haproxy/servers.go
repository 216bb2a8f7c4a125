package haproxy

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// server is one server of the backend, as `show servers state` has it. Records hold the fields that have a key.
type server struct {
	Name    string `json:"name"`
	Address string `json:"address"` // an IP address, or something else that pgteal does not change
	Port    int    `json:"port"`    // 0 where it is the client's own
	Admin   int    `json:"admin"`   // srv_admin_state

	operation int // srv_op_state
	weight    int // srv_uweight
	columns   row // all that HAProxy says of it
}

// Bits of srv_admin_state, and values of srv_op_state (https://docs.haproxy.org/3.0/management.html, "show servers state").
const (
	inMaintenance = 0x01 | 0x02 | 0x20 // forced, inherited, or for want of an address
	draining      = 0x08 | 0x10        // forced or inherited

	starting = 1
	running  = 2
)

func (s *server) maintenance() bool { return s.Admin&inMaintenance != 0 }

// takes tells whether HAProxy leads clients to the server.
func (s *server) takes() bool {
	return s.Admin&(inMaintenance|draining) == 0 && s.up() && s.weight > 0
}

// up tells whether health checks, if any, say that the server is there.
func (s *server) up() bool { return s.operation == starting || s.operation == running }

func (s *server) at(address string, port int) bool {
	return sameAddress(s.Address, address) && s.Port == port
}

// sameAddress compares IP addresses, which can be written in more than one way.
func sameAddress(a, b string) bool {
	first, err1 := netip.ParseAddr(a)
	second, err2 := netip.ParseAddr(b)
	return err1 == nil && err2 == nil && first.Unmap() == second.Unmap()
}

func (s *server) endpoint() string { return net.JoinHostPort(s.Address, strconv.Itoa(s.Port)) }

// servers returns the backend's servers.
func (h *HAProxy) servers(ctx context.Context) ([]server, error) {
	state, err := h.state(ctx)
	if err != nil {
		return nil, err
	}
	return parseState(state)
}

// state is what `show servers state` says of the backend: a text that HAProxy can also load.
func (h *HAProxy) state(ctx context.Context) (string, error) {
	answer, err := h.ask(ctx, "show servers state "+h.Backend)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(answer, "Can't find backend") {
		return "", h.unknownBackend()
	}
	if !strings.HasPrefix(answer, "1\n") {
		return "", fmt.Errorf("the state of the servers of backend %q has a form that pgteal does not know: %.60q", h.Backend, answer)
	}
	return answer + "\n", nil
}

// parseState reads the form of `show servers state`: a version, a head, and a line for each server.
func parseState(text string) (servers []server, err error) {
	var head []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case len(fields) < 2: // the version
		case fields[0] == "#":
			head = fields[1:]
		default:
			r := rowOf(head, fields)
			s := server{Name: r["srv_name"], Address: r["srv_addr"], columns: r}
			for column, to := range map[string]*int{
				"srv_port": &s.Port, "srv_admin_state": &s.Admin, "srv_op_state": &s.operation, "srv_uweight": &s.weight,
			} {
				if *to, err = strconv.Atoi(r[column]); err != nil {
					return nil, fmt.Errorf("read %s of server %q: %w", column, s.Name, err)
				}
			}
			servers = append(servers, s)
		}
	}
	return servers, nil
}

// named returns the server of that name, nil where there is none.
func named(servers []server, name string) *server {
	for i := range servers {
		if servers[i].Name == name {
			return &servers[i]
		}
	}
	return nil
}
