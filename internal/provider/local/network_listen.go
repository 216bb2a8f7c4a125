package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgteal/pgteal/internal/finding"
)

// listeners listen as green's server will.
type listeners struct {
	open  []net.Listener
	taken []string         // addresses at which something else listens
	lost  map[string]error // those of listen_addresses at which this host cannot listen
}

// listenOn listens on port at every address, as a server with these listen_addresses does when it starts: where a name has several addresses, at
// those of them that it can (ListenServerPort() in src/backend/libpq/pqcomm.c; StreamServerPort() before 17).
func listenOn(ctx context.Context, addresses []string, port int) listeners {
	l := listeners{lost: map[string]error{}}
	for _, address := range addresses {
		hosts, failed := resolve(ctx, address)
		usable := false
		for _, host := range hosts {
			network := "tcp4"
			if strings.Contains(host, ":") {
				network = "tcp6"
			}
			listener, err := (&net.ListenConfig{}).Listen(ctx, network, net.JoinHostPort(host, strconv.Itoa(port)))
			switch {
			case err == nil:
				l.open = append(l.open, listener)
			case !errors.Is(err, syscall.EADDRINUSE):
				failed = errors.Join(failed, err)
				continue
			case !l.covers(net.ParseIP(host)):
				l.taken = append(l.taken, host)
			}
			usable = true
		}
		if !usable {
			l.lost[address] = failed
		}
	}
	return l
}

// resolve returns the addresses that an entry of listen_addresses stands for.
func resolve(ctx context.Context, address string) ([]string, error) {
	if address == "*" {
		return []string{"0.0.0.0", "::"}, nil
	}
	return net.DefaultResolver.LookupHost(ctx, address)
}

// covers tells whether we listen at ip ourselves, or at all addresses of its kind: entries of listen_addresses may overlap.
func (l listeners) covers(ip net.IP) bool {
	for _, listener := range l.open {
		if own, ok := listener.Addr().(*net.TCPAddr); ok && (own.IP.To4() == nil) == (ip.To4() == nil) &&
			(own.IP.Equal(ip) || own.IP.IsUnspecified() || ip.IsUnspecified()) {
			return true
		}
	}
	return false
}

// everywhere tells whether a listener listens at all addresses of its kind.
func everywhere(l net.Listener) bool {
	own, ok := l.Addr().(*net.TCPAddr)
	return ok && own.IP.IsUnspecified()
}

// hear takes connections until the listeners are closed. What it returns is closed as soon as a client of PostgreSQL comes whose
// application_name is word.
func (l listeners) hear(word string) <-chan struct{} {
	heard := make(chan struct{})
	var once sync.Once
	for _, listener := range l.open {
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return // closed
				}
				go func() {
					defer conn.Close()                                    //nolint:errcheck // the client has said what we wanted
					_ = conn.SetDeadline(time.Now().Add(networkPatience)) // it fails on a closed connection alone
					if applicationName(conn) == word {
						once.Do(func() { close(heard) })
					}
				}()
			}
		}()
	}
	return heard
}

// applicationName reads from a client of PostgreSQL as far as to its application_name, "" where it has none.
func applicationName(conn net.Conn) string {
	backend := pgproto3.NewBackend(conn, conn)
	for {
		message, err := backend.ReceiveStartupMessage()
		if err != nil {
			return ""
		}
		switch m := message.(type) {
		case *pgproto3.StartupMessage:
			return m.Parameters["application_name"]
		case *pgproto3.SSLRequest, *pgproto3.GSSEncRequest:
			if _, err := conn.Write([]byte{'N'}); err != nil { // neither is to be had: the client goes on without
				return ""
			}
		default:
			return ""
		}
	}
}

func (l listeners) close() {
	for _, listener := range l.open {
		_ = listener.Close() // nothing was written
	}
}

// judgeListening says what green will not be able to do when it starts with these listen_addresses, which are fixed where blue's command line
// has them.
func (l *Local) judgeListening(green listeners, listen []string, fixed bool) (findings []finding.Finding) {
	for _, address := range green.taken {
		findings = append(findings, *blocks("port", fmt.Sprintf("port %d of %s", l.config.Green.Port, address),
			"Something listens on it already, so green could not. Green listens where blue's listen_addresses says.", "Name a free port in green.port."))
	}
	change := "ALTER SYSTEM SET listen_addresses = '*'; SELECT pg_reload_conf(); on blue, or another list that has an address of this host. " +
		"Green takes over what waits for a restart of blue, so there need not be one."
	if fixed {
		change = "Set listen_addresses to *, or to a list that has an address of this host, where blue's command line is made " +
			"(with Patroni: postgresql.listen), then restart blue."
	}
	usable := slices.DeleteFunc(slices.Clone(listen), func(address string) bool { return green.lost[address] != nil })
	for address, err := range green.lost {
		reason := fmt.Sprintf("Green takes over blue's listen_addresses, and this host cannot listen there: %v. ", err)
		object := "listen_addresses: " + address
		switch {
		case len(usable) == 0:
			findings = append(findings, *blocks("network", object, reason+"With no other address, green would not start.", change))
		case l.config.Blue.DataDirectory == "" && !slices.ContainsFunc(green.open, everywhere):
			findings = append(findings, finding.Finding{
				Check: "network", Blocks: finding.Nothing, Object: object, Reason: reason + "It will listen at the others alone.",
				Fix: fmt.Sprintf("See that clients reach green at %s. If not: %s", strings.Join(usable, ", "), change),
			})
		}
	}
	return findings
}
