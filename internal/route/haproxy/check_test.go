package haproxy_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route/haproxy"
	"github.com/pgteal/pgteal/internal/route/routetest"
)

func TestAnUnreachableSocketIsFound(t *testing.T) {
	for _, socket := range []string{"/nowhere/admin.sock", fmt.Sprintf("127.0.0.1:%d", pgtest.FreePort(t))} {
		h := haproxy.New(haproxy.Config{Socket: socket, Backend: "postgres"})
		routetest.Demand(t, routetest.Found(t, h), "haproxy-socket", finding.Switchover, socket, "stats socket")
		if err := h.Release(t.Context()); err == nil {
			t.Error("Release of an HAProxy that is down says that it is done")
		}
	}
}

func TestASocketThatMayOnlyLookIsFound(t *testing.T) {
	port := pgtest.FreePort(t)
	r := start(t, fmt.Sprintf("\tstats socket ipv4@127.0.0.1:%d level operator\n", port)+single, listener(t, "127.0.0.1"), 1)
	r.Config.Socket = fmt.Sprintf("127.0.0.1:%d", port)
	routetest.Demand(t, routetest.Found(t, r.route()), "haproxy-rights", finding.Switchover, "level operator", "level admin")
	if err := r.route().Hold(t.Context()); err == nil {
		t.Error("Hold says that it is done")
	}
}

func TestWhatIsNotThereIsFound(t *testing.T) {
	r := start(t, double, listener(t, "127.0.0.1"), 1)
	r.Frontend = ""
	routetest.Demand(t, routetest.Found(t, r.route()), "haproxy-frontend", finding.Switchover, "default_backend", "postgres")
	r.Frontend, r.Backend = "clients", "nowhere"
	routetest.Demand(t, routetest.Found(t, r.route()), "haproxy-backend", finding.Switchover, "nowhere", "show backend")
	if _, err := r.route().Where(t.Context()); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("Where returned %v", err)
	}
}

// changed is a set-up with something else in it.
func changed(t *testing.T, setup, from, to string) string {
	t.Helper()
	if !strings.Contains(setup, from) {
		t.Fatalf("there is no %q to change", from)
	}
	return strings.Replace(setup, from, to, 1)
}

func TestSetUpsThatWouldNotDoAreFound(t *testing.T) {
	blue, green := listener(t, "127.0.0.1"), listener(t, "127.0.0.1")
	for _, test := range []struct {
		name   string
		setup  string
		check  string
		blocks finding.Blocks
		words  []string
	}{
		{"HTTP", changed(t, single, "mode tcp", "mode http"), "haproxy-mode", finding.Switchover, []string{"mode http", "mode tcp"}},
		{"no server", changed(t, single, "server writer", "# server"), "haproxy-servers", finding.Switchover, []string{"0 servers"}},
		{
			"three servers", changed(t, single, "# green", "\tserver b 127.0.0.1:1\n\tserver c 127.0.0.1:2\n# green"),
			"haproxy-servers", finding.Switchover,
			[]string{"3 servers", "disabled"},
		},
		{"two in service", changed(t, double, "disabled", ""), "haproxy-spare", finding.Switchover, []string{"state maint", "disabled"}},
		{"backup", changed(t, double, "disabled", "backup"), "haproxy-backup", finding.Switchover, []string{`"green"`, "disabled"}},
		{"in maintenance", changed(t, single, "inter 200ms", "disabled"), "haproxy-down", finding.Switchover, []string{"writer is in maintenance"}},
		{"no port", changed(t, unchecked, ":%[3]d", "\n# %[3]d"), "haproxy-address", finding.Switchover, []string{"port 0", "10.0.0.1:5432"}},
		{
			"Unix socket", changed(t, unchecked, "localhost:%[3]d", "/run/x/.s.PGSQL.5432\n# %[3]d"),
			"haproxy-address", finding.Switchover,
			[]string{"10.0.0.1:5432"},
		},
		{"check port", changed(t, single, "inter", "port 8008 inter"), "haproxy-check-port", finding.Switchover, []string{"8008", "blue"}},
		{"check address", changed(t, single, "inter", "addr 127.0.0.9 inter"), "haproxy-check-port", finding.Switchover, []string{"127.0.0.9"}},
		{"check port of two", changed(t, double, "inter", "port 8008 inter"), "haproxy-check-port", finding.Nothing, []string{"8008"}},
		{"agent", changed(t, single, "inter", "agent-check agent-port 9 inter"), "haproxy-agent", finding.Nothing, []string{"agent-check"}},
		{
			"track", changed(t, double, "green 127.0.0.1:%[4]d check inter 200ms disabled", "green 127.0.0.1:%[4]d track postgres/blue"),
			"haproxy-track", finding.Switchover,
			[]string{"postgres/blue"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, test.setup, blue, green)
			if strings.Contains(test.setup, "frontend clients") {
				r.Frontend = "clients"
			}
			routetest.Demand(t, routetest.Found(t, r.route()), test.check, test.blocks, test.words...)
		})
	}
}

func TestAServerThatIsDownIsFound(t *testing.T) {
	r := start(t, single, pgtest.FreePort(t), 1)
	h := r.route()
	pgtest.Eventually(t, patience, "the check finds it down", func() bool {
		where, err := h.Where(t.Context())
		return err == nil && len(where) == 0
	})
	routetest.Demand(t, routetest.Found(t, h), "haproxy-down", finding.Switchover, "writer is down by its health check")
}

func TestAHoldOfSomebodyElseIsFound(t *testing.T) {
	r := start(t, single, listener(t, "127.0.0.1"), 1)
	do(t, "Hold", r.route().Hold)
	routetest.Demand(t, routetest.Found(t, r.route()), "haproxy-held", finding.Switchover, "set maxconn frontend postgres")
	do(t, "Release", r.route().Release)
	if f, ok := routetest.Found(t, r.route())["haproxy-held"]; ok {
		t.Errorf("after Release there is still %+v", f)
	}
}

func TestAStateFileOfAnEarlierTimeIsFound(t *testing.T) {
	blue, green := listener(t, "127.0.0.1"), listener(t, "127.0.0.1")
	r := start(t, double, blue, green)
	h := r.route()
	point(t, h, green)
	if findings := routetest.Found(t, h); len(findings) != 0 {
		t.Errorf("unexpected findings %+v", findings)
	}
	ask(t, r, "set server postgres/green state maint")
	ask(t, r, "set server postgres/blue state ready")
	routetest.Demand(t, routetest.Found(t, h), "haproxy-state-file", finding.Switchover, "show servers state postgres", r.StateFile)
	if err := os.WriteFile(r.StateFile, []byte("1\n# srv_name srv_port\nblue many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	routetest.Demand(t, routetest.Found(t, h), "haproxy-state-file", finding.Switchover, "Empty it")
	r.StateFile = "/nowhere/postgres.state"
	routetest.Demand(t, routetest.Found(t, r.route()), "haproxy-state-file", finding.Switchover, "/nowhere")
}
