package haproxy_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route/routetest"
)

// nameServer answers every question with 127.0.0.1, for a second. It ends with the test.
func nameServer(t *testing.T) (port int) {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buffer := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			end := 12 // of the header; then come the labels of the name, type and class
			for end < n && buffer[end] != 0 {
				end += int(buffer[end]) + 1
			}
			end = min(end+5, n)
			answer := append([]byte{}, buffer[:end]...)
			copy(answer[2:], []byte{0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0})
			answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1)
			_, _ = socket.WriteTo(answer, from)
		}
	}()
	t.Cleanup(func() { _ = socket.Close(); <-ended })
	address, ok := socket.LocalAddr().(*net.UDPAddr)
	if !ok {
		t.Fatal("no UDP address")
	}
	return address.Port
}

func TestAServerWhoseNameIsLookedUpAtRunTimeIsFound(t *testing.T) {
	resolved := fmt.Sprintf("resolvers dns\n\tnameserver one 127.0.0.1:%d\n\thold valid 100ms\n\ttimeout resolve 100ms\n\n", nameServer(t)) +
		strings.Replace(single, "127.0.0.1:%[3]d check", "db.example:%[3]d resolvers dns resolve-prefer ipv4 init-addr none check", 1)
	blue := listener(t, "127.0.0.1")
	r := start(t, resolved, blue, 1)
	h := r.route()
	pgtest.Eventually(t, patience, "the name is resolved", func() bool {
		where, err := h.Where(t.Context())
		return err == nil && len(where) == 1
	})
	routetest.Demand(t, routetest.Found(t, h), "haproxy-resolvers", finding.Switchover, "db.example", "resolvers")
}
