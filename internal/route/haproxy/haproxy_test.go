package haproxy_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/haproxy"
	"github.com/pgteal/pgteal/internal/route/haproxy/process"
	"github.com/pgteal/pgteal/internal/route/routetest"
)

// patience bounds everything that is expected to happen.
const patience = 30 * time.Second

func endpoint(port int) route.Endpoint { return route.Endpoint{Host: "127.0.0.1", Port: port} }

// do calls a method of a route within patience.
func do(t testing.TB, what string, method func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := method(ctx); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func point(t testing.TB, h *haproxy.HAProxy, port int) {
	t.Helper()
	do(t, "Point", func(ctx context.Context) error { return h.Point(ctx, endpoint(port)) })
}

// listener is a server that takes connections and says nothing, as far as HAProxy can tell a PostgreSQL. It ends with the test.
func listener(t testing.TB, host string) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var conns []net.Conn
		for {
			conn, err := l.Accept()
			if err != nil {
				break
			}
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-ended })
	address, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("no TCP address")
	}
	return address.Port
}

// leadsTo fails the test unless the route leads to that port alone.
func leadsTo(t testing.TB, h *haproxy.HAProxy, port int) {
	t.Helper()
	where, err := h.Where(t.Context())
	if err != nil || len(where) != 1 || where[0] != endpoint(port) {
		t.Fatalf("Where returned %v, %v, want port %d alone", where, err, port)
	}
}

// ask gives HAProxy a command, past the route.
func ask(t testing.TB, r *rig, command string) string {
	t.Helper()
	answer, err := process.Ask(t.Context(), r.Process.Socket, command)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(answer)
}

// maxconn is that of the rig's frontend.
func maxconn(t testing.TB, r *rig) int {
	t.Helper()
	name := r.Backend
	if r.Frontend != "" {
		name = r.Frontend
	}
	lines := strings.Split(ask(t, r, "show stat "+name+" 1 -1"), "\n")
	n, err := strconv.Atoi(strings.Split(lines[1], ",")[6])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func connect(t testing.TB, r *rig) (*pgx.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, r.conninfo("postgres"))
	if err == nil {
		t.Cleanup(func() { postgres.Close(conn) })
	}
	return conn, err
}

func TestWhatPointHasDoneOutlivesAReload(t *testing.T) {
	for name, setup := range map[string]string{"one server": single, "two servers": double, "one by name": unchecked} {
		t.Run(name, func(t *testing.T) {
			blue, green := listener(t, "127.0.0.1"), listener(t, "127.0.0.1")
			r := start(t, setup, blue, green)
			h := r.route()
			point(t, h, green)
			do(t, "Reload", r.Reload)
			leadsTo(t, h, green)
			point(t, h, blue)
			do(t, "Reload", r.Reload)
			leadsTo(t, h, blue)
			point(t, h, green)
			do(t, "Restore", h.Restore)
			if _, err := os.Stat(r.StateFile); !os.IsNotExist(err) {
				t.Errorf("a state file that was not there before: %v", err)
			}
			leadsTo(t, h, blue)
			do(t, "Reload", r.Reload)
			leadsTo(t, h, blue)
		})
	}
}

func TestWithoutAStateFileAReloadLeadsBackAndThatIsFound(t *testing.T) {
	blue, green := listener(t, "127.0.0.1"), listener(t, "127.0.0.1")
	r := start(t, single, blue, green)
	r.StateFile = ""
	h := r.route()
	routetest.Demand(t, routetest.Found(t, h), "haproxy-reload", "nothing", "server-state-file-name", "load-server-state-from-file local")
	point(t, h, green)
	do(t, "Reload", r.Reload)
	leadsTo(t, h, blue)
	point(t, h, green) // as the next command of pgteal does
	leadsTo(t, h, green)
}

func TestReleaseGivesTheFormerMaxconnBack(t *testing.T) {
	limited := strings.Replace(single, "listen postgres\n", "listen postgres\n\tmaxconn 123\n", 1)
	r := start(t, limited, listener(t, "127.0.0.1"), 1)
	hold := func() {
		t.Helper()
		do(t, "Hold", r.route().Hold)
		do(t, "Hold by another process", r.route().Hold)
		if n := maxconn(t, r); n != 0 {
			t.Fatalf("held, maxconn is %d", n)
		}
	}
	hold()
	do(t, "Release by another process", r.route().Release)
	if n := maxconn(t, r); n != 123 {
		t.Errorf("after Release maxconn is %d, was 123", n)
	}
	hold()
	do(t, "Reload", r.Reload)
	do(t, "Release", r.route().Release)
	if n := maxconn(t, r); n != 123 {
		t.Errorf("after a reload and Release maxconn is %d, was 123", n)
	}
	ask(t, r, "set maxconn frontend postgres 77")
	hold()
	point(t, r.route(), 1)
	do(t, "Restore, as the way back does", r.route().Restore)
	do(t, "Release", r.route().Release)
	if n := maxconn(t, r); n != 77 {
		t.Errorf("after Release maxconn is %d, was 77", n)
	}
}

func TestClientsAreLetInAlsoWhereTheRecordIsLost(t *testing.T) {
	r := start(t, single, listener(t, "127.0.0.1"), 1)
	before := maxconn(t, r)
	for _, record := range []string{"", "{"} {
		do(t, "Hold", r.route().Hold)
		r.Directory = t.TempDir()
		if record != "" {
			for _, h := range []*haproxy.HAProxy{r.route()} {
				if err := os.WriteFile(h.HoldRecord(), []byte(record), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		do(t, "Release", r.route().Release)
		if n := maxconn(t, r); n != before {
			t.Errorf("after Release maxconn is %d, was %d", n, before)
		}
	}
}

func TestNothingIsHeldThatCouldNotBeReleased(t *testing.T) {
	r := start(t, single, listener(t, "127.0.0.1"), 1)
	before := maxconn(t, r)
	r.Directory = "/proc/self" // where root cannot make files either
	if err := r.route().Hold(t.Context()); err == nil {
		t.Error("Hold says that it is done")
	}
	if n := maxconn(t, r); n != before {
		t.Errorf("maxconn is %d, was %d", n, before)
	}
	if err := r.route().Point(t.Context(), endpoint(2)); err == nil {
		t.Error("Point says that it is done, and nothing is kept for Restore")
	}
}

// The spare server's line may be for another address than the one that green has got.
func TestTheSpareServerTakesAnAddressThatNoLineHas(t *testing.T) {
	blue, green := listener(t, "127.0.0.1"), listener(t, "127.0.0.2")
	r := start(t, double, blue, 1)
	h := r.route()
	before := ask(t, r, "show servers state postgres")
	do(t, "Point", func(ctx context.Context) error { return h.Point(ctx, route.Endpoint{Host: "127.0.0.2", Port: green}) })
	where, err := h.Where(t.Context())
	if err != nil || len(where) != 1 || where[0] != (route.Endpoint{Host: "127.0.0.2", Port: green}) {
		t.Errorf("it leads to %v, %v", where, err)
	}
	do(t, "Point without a host", func(ctx context.Context) error { return h.Point(ctx, route.Endpoint{Port: blue}) })
	leadsTo(t, h, blue)
	do(t, "Restore", r.route().Restore)
	after := ask(t, r, "show servers state postgres")
	for i, line := range strings.Split(after, "\n") {
		was, is := strings.Fields(strings.Split(before, "\n")[i]), strings.Fields(line)
		if len(is) > 18 && (is[4] != was[4] || is[6] != was[6] || is[18] != was[18]) {
			t.Errorf("after Restore a server is\n%s\nand was\n%s", is, was)
		}
	}
}

func TestAPointThatWasCutOffAnywhereIsCompleted(t *testing.T) {
	blue, green := listener(t, "127.0.0.1"), listener(t, "127.0.0.1")
	for _, commands := range [][]string{
		{"set server postgres/blue state maint"},
		{"set server postgres/blue state maint", "set server postgres/green state ready"},
	} {
		r := start(t, double, blue, green)
		point(t, r.route(), blue) // the first thing that it does is to write down how it was
		for _, command := range commands {
			ask(t, r, command)
		}
		do(t, "Point", func(ctx context.Context) error { return r.route().Point(ctx, route.Endpoint{Port: green}) })
		leadsTo(t, r.route(), green)
		do(t, "Restore", r.route().Restore)
		leadsTo(t, r.route(), blue)
	}
}

func TestAStatsSocketOverTCPServes(t *testing.T) {
	blue, green, port := listener(t, "127.0.0.1"), listener(t, "127.0.0.1"), pgtest.FreePort(t)
	r := start(t, fmt.Sprintf("\tstats socket ipv4@127.0.0.1:%d level admin\n", port)+single, blue, green)
	r.Config.Socket = fmt.Sprintf("127.0.0.1:%d", port)
	h := r.route()
	for name, f := range routetest.Found(t, h) {
		t.Errorf("unexpected finding %s: %+v", name, f)
	}
	do(t, "Hold", h.Hold)
	point(t, h, green)
	do(t, "Release", h.Release)
	leadsTo(t, h, green)
}
