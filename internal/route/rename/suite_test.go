package rename_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/rdsapi/rdstest"
	"github.com/pgteal/pgteal/internal/route/rename"
	"github.com/pgteal/pgteal/internal/route/routetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scene is a simulator with blue and green, as they are before the first Point.
type scene struct {
	*rdstest.Stage
	config      rename.Config
	blue, green route.Endpoint
}

func start(t testing.TB, delay time.Duration, blue, green string) *scene {
	t.Helper()
	s := &scene{Stage: rdstest.Start(t, delay, blue, green)}
	s.blue, s.green = s.Endpoint(t, rdstest.Blue), s.Endpoint(t, rdstest.Green)
	s.config = rename.Config{
		Cluster: rdstest.Blue, Region: rdstest.Region, Blue: s.blue.Cluster, Green: rdstest.Green, Directory: t.TempDir(),
	}
	return s
}

// open is the route as a process of its own would have it.
func (s *scene) open(t testing.TB) *rename.Rename {
	t.Helper()
	r := rename.New(s.config)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// named is the route with a DB cluster for each of the suite's servers.
type named struct {
	*rename.Rename
	clusters map[int]string // resource ids, by the server's port
	left     map[int]int    // the port of the server that Point leaves, by that of the one to which it leads
}

// Point ends the sessions before, as the fence does: a name leads only those that connect.
func (n named) Point(ctx context.Context, to route.Endpoint) error {
	if err := endSessions(ctx, n.left[to.Port]); err != nil {
		return err
	}
	return n.Rename.Point(ctx, route.Endpoint{Cluster: n.clusters[to.Port]})
}

func (n named) Where(ctx context.Context) (endpoints []route.Endpoint, err error) {
	found, err := n.Rename.Where(ctx)
	for _, e := range found {
		for port, cluster := range n.clusters {
			if cluster == e.Cluster {
				endpoints = append(endpoints, route.Endpoint{Host: "127.0.0.1", Port: port})
			}
		}
	}
	return endpoints, err
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

func TestNamesKeepThePromises(t *testing.T) {
	routetest.Run(t, func(t *testing.T, a, b *pgtest.Server) routetest.Rig {
		t.Helper()
		s := start(t, time.Millisecond, fmt.Sprintf("127.0.0.1:%d", a.Port), fmt.Sprintf("127.0.0.1:%d", b.Port))
		return routetest.Rig{
			New: func(t testing.TB) route.Route {
				t.Helper()
				return named{
					s.open(t), map[int]string{a.Port: s.blue.Cluster, b.Port: s.green.Cluster}, map[int]int{a.Port: b.Port, b.Port: a.Port},
				}
			},
			Conninfo: func(database string) string { // by the address that stands for blue's name, whoever has it
				return fmt.Sprintf("host=%s port=%d user=postgres sslmode=disable dbname='%s'", s.blue.Host, s.Port(), database)
			},
		}
	})
}
