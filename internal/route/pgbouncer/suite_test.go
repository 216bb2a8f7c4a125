package pgbouncer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/pgbouncer"
	"github.com/pgteal/pgteal/internal/route/pgbouncer/process"
	"github.com/pgteal/pgteal/internal/route/routetest"
)

// secret is the password in entries. No error may hold it.
const secret = "s3cr=t''word"

// plain are entries by name, of every kind that PgBouncer takes. A name that needs quotes can only be had in dbname.
const plain = `; the databases that move
[databases]
# one by address
shop = host=127.0.0.1 port=%[1]d dbname=shop user=postgres password='` + secret + `'

MixedCase   =  dbname=MixedCase host='%[2]s'   port = %[1]d pool_size=5
weird = port=%[1]d host=127.0.0.1 dbname='We"ird; DROP'
`

// wildcard is one entry for all.
const wildcard = "[databases]\n* = host=127.0.0.1 port=%[1]d\n; %[2]s\n"

func names(database string) string {
	if strings.HasPrefix(database, "We") {
		return "weird"
	}
	return database
}

func same(database string) string { return database }

// start starts a PgBouncer that leads to a, with settings as "name=value".
func start(t testing.TB, a *pgtest.Server, entries string, settings ...string) *process.Process {
	t.Helper()
	config := process.Config{
		Directory: pgtest.Directory(t), Port: pgtest.FreePort(t), Users: []string{"postgres"}, Settings: map[string]string{},
		Databases: fmt.Sprintf(entries, a.Port, routetest.Endpoint(a).SocketDirectory),
	}
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		config.Settings[name] = value
	}
	p, err := process.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

// open returns the route through p. It is closed with the test.
func open(t testing.TB, p *process.Process) *pgbouncer.PgBouncer {
	t.Helper()
	b, err := pgbouncer.New(p.Console(), "", p.IncludeFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func conninfo(p *process.Process, database string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=postgres sslmode=disable dbname='%s'", p.Port, database)
}

func suite(t *testing.T, entries string, name func(string) string) {
	t.Helper()
	routetest.Run(t, func(t *testing.T, a, _ *pgtest.Server) routetest.Rig {
		t.Helper()
		p := start(t, a, entries)
		return routetest.Rig{
			New: func(t testing.TB) route.Route {
				t.Helper()
				return open(t, p)
			},
			Conninfo: func(database string) string { return conninfo(p, name(database)) },
			Holds:    true, Waits: true, Keeps: true, Files: []string{p.IncludeFile},
		}
	})
}

func TestTransactionPoolingWithNamedDatabasesKeepsThePromises(t *testing.T) { suite(t, plain, names) }

func TestTransactionPoolingWithWildcardKeepsThePromises(t *testing.T) { suite(t, wildcard, same) }
