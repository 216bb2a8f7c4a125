package rdsproxy_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"go.uber.org/goleak"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/rdsapi/rdstest"
	"github.com/pgteal/pgteal/internal/route/rdsproxy"
	"github.com/pgteal/pgteal/internal/route/routetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const proxy = "pool"

// scene is a simulator with a proxy that leads to blue.
type scene struct {
	*rdstest.Stage
	config      rdsproxy.Config
	blue, green route.Endpoint
	endpoint    string // the proxy's
}

// start puts a proxy before the DB cluster of blue's server.
func start(t testing.TB, delay time.Duration, blue, green string, with ...func(*rds.CreateDBProxyInput)) *scene {
	t.Helper()
	s := &scene{Stage: rdstest.Start(t, delay, blue, green)}
	s.blue, s.green = s.Endpoint(t, rdstest.Blue), s.Endpoint(t, rdstest.Green)
	s.endpoint = s.makeProxy(t, proxy, with...)
	s.config = rdsproxy.Config{Proxy: proxy, Region: rdstest.Region, Blue: s.blue.Cluster, Green: rdstest.Green, Directory: t.TempDir()}
	return s
}

// makeProxy makes a proxy that leads to blue, and returns its endpoint.
func (s *scene) makeProxy(t testing.TB, name string, with ...func(*rds.CreateDBProxyInput)) string {
	t.Helper()
	in := &rds.CreateDBProxyInput{
		DBProxyName: &name, EngineFamily: types.EngineFamilyPostgresql, RoleArn: aws.String("arn:aws:iam::123456789012:role/proxy"),
		VpcSubnetIds: []string{"subnet-1"},
	}
	for _, change := range with {
		change(in)
	}
	made, err := s.API.CreateDBProxy(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	s.register(t, name, rdstest.Blue)
	return *made.DBProxy.Endpoint
}

// register registers a DB cluster, and returns when the proxy lets clients through to it.
func (s *scene) register(t testing.TB, proxy, cluster string) {
	t.Helper()
	_, err := s.API.RegisterDBProxyTargets(t.Context(), &rds.RegisterDBProxyTargetsInput{DBProxyName: &proxy, DBClusterIdentifiers: []string{cluster}})
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, time.Minute, "the target is available", func() bool {
		answer, err := s.API.DescribeDBProxyTargets(t.Context(), &rds.DescribeDBProxyTargetsInput{DBProxyName: &proxy})
		return err == nil && answer.Targets[1].TargetHealth.State == types.TargetStateAvailable
	})
}

func (s *scene) deregister(t testing.TB, cluster string) {
	t.Helper()
	_, err := s.API.DeregisterDBProxyTargets(t.Context(), &rds.DeregisterDBProxyTargetsInput{
		DBProxyName: aws.String(proxy), DBClusterIdentifiers: []string{cluster},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// open is the route as a process of its own would have it.
func (s *scene) open(t testing.TB) *rdsproxy.RDSProxy {
	t.Helper()
	r := rdsproxy.New(s.config)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// leadsTo fails the test unless the proxy leads to one cluster.
func (s *scene) leadsTo(t testing.TB, wanted route.Endpoint) {
	t.Helper()
	if found, err := s.open(t).Where(t.Context()); err != nil || len(found) != 1 || found[0] != wanted {
		t.Errorf("it leads to %+v, %v; not to %+v", found, err, wanted)
	}
}

// named is the route with a DB cluster for each of the suite's servers.
type named struct {
	*rdsproxy.RDSProxy
	clusters map[int]route.Endpoint // by the server's port
}

func (n named) Point(ctx context.Context, to route.Endpoint) error {
	return n.RDSProxy.Point(ctx, n.clusters[to.Port])
}

func (n named) Where(ctx context.Context) (endpoints []route.Endpoint, err error) {
	found, err := n.RDSProxy.Where(ctx)
	for _, e := range found {
		for port, cluster := range n.clusters {
			if cluster == e {
				endpoints = append(endpoints, route.Endpoint{Host: "127.0.0.1", Port: port})
			}
		}
	}
	return endpoints, err
}

func TestAProxyKeepsThePromises(t *testing.T) {
	routetest.Run(t, func(t *testing.T, a, b *pgtest.Server) routetest.Rig {
		t.Helper()
		s := start(t, time.Millisecond, fmt.Sprintf("127.0.0.1:%d", a.Port), fmt.Sprintf("127.0.0.1:%d", b.Port))
		return routetest.Rig{
			New: func(t testing.TB) route.Route {
				t.Helper()
				return named{s.open(t), map[int]route.Endpoint{a.Port: s.blue, b.Port: s.green}}
			},
			Conninfo: func(database string) string {
				return fmt.Sprintf("host=%s port=%d user=postgres sslmode=disable dbname='%s'", s.endpoint, s.Port(), database)
			},
		}
	})
}
