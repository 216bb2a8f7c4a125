package haproxy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/haproxy"
	"github.com/pgteal/pgteal/internal/route/haproxy/process"
	"github.com/pgteal/pgteal/internal/route/routetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// defaults is the section before all others.
const defaults = `defaults
	mode tcp
	timeout connect 5s
	timeout client 10m
	timeout server 10m
	load-server-state-from-file local

`

// The set-ups, as formats of the frontend's port, the directory, and the ports of blue and green.
const (
	// single is one server line, in a listen section.
	single = defaults + `listen postgres
	bind 127.0.0.1:%[1]d
	server-state-file-name %[2]s/postgres.state
	server writer 127.0.0.1:%[3]d check inter 200ms
# green would be at %[4]d
`
	// double is two server lines, in a backend behind a frontend of another name.
	double = defaults + `frontend clients
	bind 127.0.0.1:%[1]d
	default_backend postgres
backend postgres
	server-state-file-name %[2]s/postgres.state
	server blue 127.0.0.1:%[3]d check inter 200ms
	server green 127.0.0.1:%[4]d check inter 200ms disabled
`
	// unchecked is one server line by its name, without a health check.
	unchecked = defaults + `listen postgres
	bind 127.0.0.1:%[1]d
	server-state-file-name %[2]s/postgres.state
	server writer localhost:%[3]d
# green would be at %[4]d
`
)

// rig is a running HAProxy with the route through it.
type rig struct {
	*process.Process
	haproxy.Config
	port      int
	directory string
}

// start starts an HAProxy, set up in one of the ways above. It ends with the test.
func start(t testing.TB, setup string, blue, green int) *rig {
	t.Helper()
	r := &rig{port: pgtest.FreePort(t), directory: pgtest.Directory(t)}
	p, err := process.Start(t.Context(), r.directory, r.sections(setup, blue, green))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	r.Process = p
	r.Config = haproxy.Config{
		Socket: p.Socket, Backend: "postgres", StateFile: filepath.Join(r.directory, "postgres.state"), Directory: t.TempDir(),
	}
	if setup == double {
		r.Frontend = "clients"
	}
	return r
}

func (r *rig) sections(setup string, blue, green int) string {
	return fmt.Sprintf(setup, r.port, r.directory, blue, green)
}

// route is the route as a process of its own would have it.
func (r *rig) route() *haproxy.HAProxy { return haproxy.New(r.Config) }

func (r *rig) conninfo(database string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=postgres sslmode=disable dbname='%s'", r.port, database)
}

func suite(t *testing.T, setup string) {
	t.Helper()
	routetest.Run(t, func(t *testing.T, a, b *pgtest.Server) routetest.Rig {
		t.Helper()
		r := start(t, setup, a.Port, b.Port)
		if err := os.WriteFile(r.StateFile, nil, 0o640); err != nil { // as an operator may have made it
			t.Fatal(err)
		}
		return routetest.Rig{
			New:      func(testing.TB) route.Route { return r.route() },
			Conninfo: r.conninfo,
			Waits:    true, Files: []string{r.StateFile},
		}
	})
}

func TestOneServerKeepsThePromises(t *testing.T) { suite(t, single) }

func TestTwoServersKeepThePromises(t *testing.T) { suite(t, double) }
