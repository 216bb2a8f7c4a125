package haproxy

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// sessionsAtATime is how many sessions one line of commands ends. A line may have some 16,000 characters.
const sessionsAtATime = 200

// sessionHead begins a session of `show sess all`; the lines about it that follow are indented.
var sessionHead = regexp.MustCompile(`^(0x[0-9a-f]+): `)

// endOthers ends the backend's sessions that lead anywhere but to keep, and returns when none is left. A session stays with the
// address that it has begun at, whatever happens to its server.
func (h *HAProxy) endOthers(ctx context.Context, keep server) error {
	return h.await(ctx, "the end of the sessions to other servers", func() (bool, error) {
		answer, err := h.ask(ctx, "show sess all")
		if err != nil {
			return false, err
		}
		others := h.others(answer, keep)
		for batch := range slices.Chunk(others, sessionsAtATime) {
			// That one has ended meanwhile is an answer, no error.
			if _, err := h.ask(ctx, "shutdown session "+strings.Join(batch, "; shutdown session ")); err != nil {
				return false, err
			}
		}
		return len(others) == 0, nil
	})
}

// others reads the sessions of the backend that do not lead to keep.
func (h *HAProxy) others(list string, keep server) (ids []string) {
	var id string
	var ours bool
	for line := range strings.Lines(list) {
		if head := sessionHead.FindStringSubmatch(line); head != nil {
			id, ours = head[1], false
			continue
		}
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if fields[0] == "backend="+h.Backend {
			ours = true
		}
		if ours && strings.HasPrefix(fields[0], "server=") && fields[0] != "server=<NONE>" {
			ours = false
			if !leads(fields[len(fields)-1], keep) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// leads reads `addr=127.0.0.1:5432`. Colons of an IPv6 address have no brackets there.
func leads(text string, to server) bool {
	address, found := strings.CutPrefix(text, "addr=")
	colon := strings.LastIndexByte(address, ':')
	if !found || colon < 0 {
		return false
	}
	port, err := strconv.Atoi(address[colon+1:])
	return err == nil && to.at(strings.Trim(address[:colon], "[]"), port)
}

// lookup returns the IP addresses of host, the first choice first: HAProxy takes no names at run time.
func lookup(ctx context.Context, host string) (addresses []string, err error) {
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("look up the address of %q: %w", host, err)
	}
	for _, a := range found {
		addresses = append(addresses, a.Unmap().String())
	}
	return addresses, nil
}
