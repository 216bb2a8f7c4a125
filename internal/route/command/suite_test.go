package command_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/command"
	"github.com/pgteal/pgteal/internal/route/pgbouncer/process"
	"github.com/pgteal/pgteal/internal/route/routetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A program that moves the clients of a real PgBouncer.
func TestAProgramThatHoldsKeepsThePromises(t *testing.T) {
	programs, err := pgctl.Find(15)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", programs.Directory+string(os.PathListSeparator)+os.Getenv("PATH"))
	program, err := filepath.Abs("testdata/move-clients")
	if err != nil {
		t.Fatal(err)
	}
	routetest.Run(t, func(t *testing.T, a, _ *pgtest.Server) routetest.Rig {
		t.Helper()
		p := bouncer(t, a)
		return routetest.Rig{
			New: func(testing.TB) route.Route {
				return command.New("orders", []string{program, p.Console(), p.IncludeFile}, 0)
			},
			Conninfo: func(database string) string { return conninfo(p, database) },
			Holds:    true, Waits: true, Keeps: true, Files: []string{p.IncludeFile},
		}
	})
}

// bouncer starts a PgBouncer that leads to a.
func bouncer(t *testing.T, a *pgtest.Server) *process.Process {
	t.Helper()
	p, err := process.Start(t.Context(), process.Config{
		Directory: pgtest.Directory(t), Port: pgtest.FreePort(t), Users: []string{"postgres"},
		Databases: fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%d\n", a.Port),
		Settings:  map[string]string{"server_login_retry": "0.01"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

func conninfo(p *process.Process, database string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=postgres sslmode=disable dbname='%s'", p.Port, database)
}
