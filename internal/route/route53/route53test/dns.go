package route53test

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// resolver is a DNS server (RFC 1035) for the zone, on a UDP port of loopback.
type resolver struct{ address string }

// The numbers of RFC 1035 and 3596.
var typeNumbers = map[string]uint16{"A": 1, "CNAME": 5, "AAAA": 28}

// Resolver asks the zone itself, and caches nothing.
func (s *Server) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", s.name.address)
	}}
}

// Empty is a resolver that knows no name.
func Empty(t testing.TB) *net.Resolver {
	t.Helper()
	empty := &Server{}
	empty.name = serveDNS(t, empty)
	return empty.Resolver()
}

func serveDNS(t testing.TB, s *Server) *resolver {
	t.Helper()
	socket, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		query := make([]byte, 4096)
		for {
			n, from, err := socket.ReadFrom(query)
			if err != nil {
				return
			}
			if answer := s.resolve(query[:n]); answer != nil {
				_, _ = socket.WriteTo(answer, from) // a client that is gone asks no more
			}
		}
	}()
	t.Cleanup(func() {
		_ = socket.Close() // nothing is written
		<-ended
	})
	return &resolver{socket.LocalAddr().String()}
}

// resolve answers a query of one question, following CNAMEs within the zone. It answers none that is not of that form.
func (s *Server) resolve(query []byte) []byte {
	const header = 12
	if len(query) < header || binary.BigEndian.Uint16(query[4:]) != 1 {
		return nil
	}
	name, end := "", header
	for end < len(query) && query[end] != 0 {
		next := end + 1 + int(query[end])
		if next >= len(query) {
			return nil
		}
		name += strings.ToLower(string(query[end+1:next])) + "."
		end = next
	}
	if end += 5; end > len(query) { // the root, type, class
		return nil
	}
	wanted := binary.BigEndian.Uint16(query[end-4:])
	var records []byte
	count, found := uint16(0), false
	for range 8 { // no chain here is longer
		target := ""
		for _, set := range s.Sets(name) {
			found = true
			number := typeNumbers[set.Type]
			if number == 0 || number != wanted && set.Type != "CNAME" {
				continue
			}
			for _, value := range set.Values {
				records = appendRecord(records, name, number, uint32(set.TTL), value) //nolint:gosec // the API takes no other TTLs
				count++
			}
			if set.Type == "CNAME" {
				target = set.Values[0]
			}
		}
		if name = target; name == "" {
			break
		}
	}
	answer := append([]byte(nil), query[:end]...)
	flags := uint16(0x8580) // an authoritative answer; recursion wanted and available
	if !found {
		flags |= 3 // NXDOMAIN
	}
	binary.BigEndian.PutUint16(answer[2:], flags)
	binary.BigEndian.PutUint16(answer[6:], count)
	binary.BigEndian.PutUint32(answer[8:], 0)
	return append(answer, records...)
}

func appendRecord(to []byte, name string, number uint16, ttl uint32, value string) []byte {
	data := appendName(nil, value)
	if address, err := netip.ParseAddr(value); err == nil {
		data = address.AsSlice()
	}
	to = appendName(to, name)
	to = binary.BigEndian.AppendUint16(to, number)
	to = binary.BigEndian.AppendUint16(to, 1) // class IN
	to = binary.BigEndian.AppendUint32(to, ttl)
	to = binary.BigEndian.AppendUint16(to, uint16(len(data))) //nolint:gosec // names and addresses are short
	return append(to, data...)
}

func appendName(to []byte, name string) []byte {
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		to = append(append(to, byte(len(label))), label...) //nolint:gosec // labels are short
	}
	return append(to, 0)
}
