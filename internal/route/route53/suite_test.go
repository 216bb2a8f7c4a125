package route53_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/route53"
	"github.com/pgteal/pgteal/internal/route/route53/route53test"
	"github.com/pgteal/pgteal/internal/route/routetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const record = "db.example.com"

// The hosts of the tests, with their addresses.
var hosts = []route53test.Set{
	{Name: "blue.example.com.", Type: "A", TTL: 5, Values: []string{"127.0.0.2"}},
	{Name: "green.example.com.", Type: "A", TTL: 5, Values: []string{"127.0.0.3"}},
}

// of is a record set of the record that moves.
func of(kind string, ttl int64, values ...string) route53test.Set {
	return route53test.Set{Name: record + ".", Type: kind, TTL: ttl, Values: values}
}

// start starts the API with the record as sets say, and returns a configuration of a route through it. Green is green.example.com.
func start(t testing.TB, sets ...route53test.Set) (*route53test.Server, route53.Config) {
	t.Helper()
	s := route53test.Start(t, append(hosts, sets...)...)
	return s, route53.Config{
		Zone: route53test.Zone, Record: record, Directory: t.TempDir(), Resolver: s.Resolver(),
		Blue:  route.Endpoint{Host: "blue.example.com", Port: 5432},
		Green: route.Endpoint{Host: "green.example.com", Port: 5432},
	}
}

// open is the route as a process of its own would have it.
func open(t testing.TB, c route53.Config) *route53.Route53 {
	t.Helper()
	r := route53.New(c)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// named is the route with an address for each of the suite's servers, which share one and differ in their ports.
type named struct {
	*route53.Route53
	names map[route.Endpoint]string
	ends  func(context.Context, route.Endpoint) error
}

// Point ends the sessions before, as the fence does: a record leads only those that connect.
func (n named) Point(ctx context.Context, to route.Endpoint) error {
	to = route.Endpoint{Host: to.Host, Port: to.Port}
	if err := n.ends(ctx, to); err != nil {
		return err
	}
	return n.Route53.Point(ctx, route.Endpoint{Host: n.names[to], Port: to.Port})
}

func (n named) Where(ctx context.Context) (endpoints []route.Endpoint, err error) {
	found, err := n.Route53.Where(ctx)
	for _, e := range found {
		for server, name := range n.names {
			if name == e.Host {
				endpoints = append(endpoints, server)
			}
		}
	}
	return endpoints, err
}

func suite(t *testing.T, blue route53test.Set, green string) {
	t.Helper()
	routetest.Run(t, func(t *testing.T, a, b *pgtest.Server) routetest.Rig {
		t.Helper()
		api, config := start(t, blue)
		api.Pend(1)
		config.Green.Host = green
		ends := map[string]int{"127.0.0.2": a.Port, "127.0.0.3": b.Port}
		first, second := routetest.Endpoint(a), routetest.Endpoint(b)
		first.SocketDirectory, second.SocketDirectory = "", ""
		host := "blue.example.com"
		if blue.Type == "A" {
			host = blue.Values[0]
		}
		return routetest.Rig{
			New: func(t testing.TB) route.Route {
				t.Helper()
				return named{open(t, config), map[route.Endpoint]string{first: host, second: green}, func(ctx context.Context, to route.Endpoint) error {
					left := a
					if to.Port == a.Port {
						left = b
					}
					return endSessions(ctx, left.Port)
				}}
			},
			Conninfo: func(database string) string { // as a client that resolves the name when it connects
				addresses, err := config.Resolver.LookupHost(t.Context(), record)
				if err != nil || len(addresses) != 1 {
					t.Errorf("%s has addresses %v, %v", record, addresses, err)
					return ""
				}
				return fmt.Sprintf("host=127.0.0.1 port=%d user=postgres sslmode=disable dbname='%s'", ends[addresses[0]], database)
			},
		}
	})
}

// endSessions ends all sessions of clients at a server.
func endSessions(ctx context.Context, port int) (err error) {
	conn, err := pgx.Connect(ctx, fmt.Sprintf("host=127.0.0.1 port=%d user=postgres sslmode=disable", port))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
	return err
}

func TestARecordThatChangesItsTypeKeepsThePromises(t *testing.T) {
	suite(t, of("A", 5, "127.0.0.2"), "green.example.com")
}

// DNS carries no port, so these servers have the same one, on two addresses.
func TestClientsThatResolveTheNameLandAtTheSamePortOfTheOtherHost(t *testing.T) {
	a := pgtest.Start(t, 15, pgctl.Setting{Name: "listen_addresses", Value: "127.0.0.2"})
	pgtest.Start(t, 18, pgctl.Setting{Name: "port", Value: fmt.Sprint(a.Port)}, pgctl.Setting{Name: "listen_addresses", Value: "127.0.0.3"})
	_, config := start(t, of("CNAME", 5, "blue.example.com."))
	config.Blue.Port, config.Green.Port = a.Port, a.Port
	r := open(t, config)
	landed := func() (major int) {
		t.Helper()
		client, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d user=postgres sslmode=disable", record, a.Port))
		if err != nil {
			t.Fatal(err)
		}
		client.LookupFunc = config.Resolver.LookupHost
		conn, err := pgx.ConnectConfig(t.Context(), client)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if err := conn.QueryRow(t.Context(), "SELECT current_setting('server_version_num')::int / 10000").Scan(&major); err != nil {
			t.Fatal(err)
		}
		return major
	}
	if major := landed(); major != 15 {
		t.Fatalf("before Point a client lands at major %d", major)
	}
	if err := r.Point(t.Context(), config.Green); err != nil {
		t.Fatal(err)
	}
	if major := landed(); major != 18 {
		t.Errorf("after Point a client lands at major %d", major)
	}
	if err := r.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if major := landed(); major != 15 {
		t.Errorf("after Restore a client lands at major %d", major)
	}
}
