// Package libpq is the route of clients that know both clusters and look for the writer themselves: their connection string has several
// hosts and target_session_attrs=read-write (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS). There is
// nothing to hold and nothing to repoint. The route finds beforehand what would keep them from following, and sees where they land.
package libpq

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/route"
)

// Libpq is the route of the clients with one connection string.
type Libpq struct {
	hosts []host         // in the string's order
	attrs string         // target_session_attrs; "" where the string has none
	order string         // load_balance_hosts; "" where the string has none
	green route.Endpoint // where the clients have to arrive
}

var _ route.Route = (*Libpq)(nil)

// host is one host of the connection string.
type host struct {
	name   string // host name, address or socket directory
	port   int
	config *pgconn.Config // leads to this host alone
}

// String is `db1:5432`.
func (h host) String() string {
	if h.isSocket() {
		return fmt.Sprintf("%s:%d", h.name, h.port)
	}
	return net.JoinHostPort(h.name, strconv.Itoa(h.port))
}

func (h host) isSocket() bool { return strings.HasPrefix(h.name, "/") }

func (h host) endpoint() route.Endpoint {
	if h.isSocket() {
		return route.Endpoint{SocketDirectory: h.name, Port: h.port}
	}
	return route.Endpoint{Host: h.name, Port: h.port}
}

var (
	attrsForm = regexp.MustCompile(`target_session_attrs\s*=\s*'?([\w-]+)`)
	orderForm = regexp.MustCompile(`(?:[?&]|\s|^)load_balance_hosts\s*=\s*'?(\w+)'?&?`)
)

// New returns the route of clients with connection, a libpq connection string or URL without a password. Password may be empty: then
// PGPASSFILE and service files serve, as in libpq. Green is where the clients have to arrive; its host may be empty. Nothing is opened yet.
func New(connection, password string, green route.Endpoint) (*Libpq, error) {
	l := &Libpq{green: green, attrs: last(attrsForm, connection), order: last(orderForm, connection)}
	parsed, err := postgres.ParseConninfo(connection)
	if err != nil {
		return nil, fmt.Errorf("read the connection string of libpq's clients: %w", err)
	}
	config := &parsed.Config
	if password != "" {
		config.Password = password
	}
	if _, given := config.RuntimeParams["application_name"]; !given {
		config.RuntimeParams["application_name"] = "pgteal"
	}
	// pgconn lists each host once a way to encrypt.
	all := append([]*pgconn.FallbackConfig{{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}}, config.Fallbacks...)
	for i, f := range all {
		if i > 0 && f.Host == all[i-1].Host && f.Port == all[i-1].Port {
			h := &l.hosts[len(l.hosts)-1]
			h.config.Fallbacks = append(h.config.Fallbacks, f)
			continue
		}
		one := config.Copy()
		one.Host, one.Port, one.TLSConfig, one.Fallbacks = f.Host, f.Port, f.TLSConfig, nil
		l.hosts = append(l.hosts, host{name: f.Host, port: int(f.Port), config: one})
	}
	return l, nil
}

// last returns what form finds last in text: of a parameter that is there twice, libpq takes that.
func last(form *regexp.Regexp, text string) string {
	all := form.FindAllStringSubmatch(text, -1)
	if all == nil {
		return ""
	}
	return all[len(all)-1][1]
}

// Name is `libpq db1:5432,db2:5433`.
func (l *Libpq) Name() string {
	var names []string
	for _, h := range l.hosts {
		names = append(names, h.String())
	}
	return "libpq " + strings.Join(names, ",")
}

// Hold holds nobody: the clients are connected to the server itself.
func (*Libpq) Hold(context.Context) error { return nil }

// Point has nothing to do: the clients go where a session is read-write.
func (*Libpq) Point(context.Context, route.Endpoint) error { return nil }

// Release has nothing to do.
func (*Libpq) Release(context.Context) error { return nil }

// Restore has nothing to put back.
func (*Libpq) Restore(context.Context) error { return nil }

// Forget has nothing to remove.
func (*Libpq) Forget() error { return nil }

// Close has nothing to close: each probe has a session of its own.
func (*Libpq) Close() error { return nil }

// Where connects as a client would, and returns the host at which it lands. It is an error where none lets it in.
func (l *Libpq) Where(ctx context.Context) ([]route.Endpoint, error) {
	landed, _, err := l.land(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect as %s: %w", l.Name(), err)
	}
	return []route.Endpoint{l.hosts[landed].endpoint()}, nil
}
