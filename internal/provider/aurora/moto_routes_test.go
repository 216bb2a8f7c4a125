package aurora

import (
	"context"
	"errors"
	"net"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	r53 "github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/rdsproxy"
	"github.com/pgteal/pgteal/internal/route/rename"
	"github.com/pgteal/pgteal/internal/route/route53"
)

// leadByProxy makes the calls of the route through an RDS Proxy. In moto a target group never gets the members of its DB cluster, so what waits for
// the writer waits in vain.
func (s *stand) leadByProxy(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	blue, green := s.both(t)
	must(t)(s.rds.CreateDBProxy(ctx, &rds.CreateDBProxyInput{
		DBProxyName: aws.String("pool"), EngineFamily: types.EngineFamilyPostgresql, RoleArn: aws.String("arn:aws:iam::123456789012:role/proxy"),
		VpcSubnetIds: s.subnets, Auth: []types.UserAuthConfig{{AuthScheme: types.AuthSchemeSecrets, IAMAuth: types.IAMAuthModeDisabled}},
	}))
	must(t)(s.rds.RegisterDBProxyTargets(ctx, &rds.RegisterDBProxyTargetsInput{
		DBProxyName: aws.String("pool"), DBClusterIdentifiers: []string{*blue.DBClusterIdentifier},
	}))
	r := rdsproxy.New(rdsproxy.Config{
		Proxy: "pool", Region: s.config.Aurora.Region, Blue: *blue.DbClusterResourceId, Green: *green.DBClusterIdentifier, Directory: t.TempDir(),
	})
	defer r.Close() //nolint:errcheck // it closes idle connections
	s.moveProxy(t, *green.DBClusterIdentifier, func(ctx context.Context) error { return r.Point(ctx, endpointOf(green)) })
	leads(t, r, endpointOf(green))
	s.moveProxy(t, *blue.DBClusterIdentifier, r.Restore)
	leads(t, r, endpointOf(blue))
	if found, err := r.Check(ctx); err != nil || len(found) > 0 {
		t.Errorf("the check of the proxy finds %v, %v", found, err)
	}
}

// moveProxy runs move until the proxy's only target is a DB cluster.
func (s *stand) moveProxy(t *testing.T, cluster string, move func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	moved := make(chan error, 1)
	go func() { moved <- move(ctx) }()
	pgtest.Eventually(t, limit, "the proxy has the target "+cluster, func() bool {
		answer, err := s.rds.DescribeDBProxyTargets(ctx, &rds.DescribeDBProxyTargetsInput{DBProxyName: aws.String("pool")})
		return err == nil && len(answer.Targets) == 1 && aws.ToString(answer.Targets[0].RdsResourceId) == cluster
	})
	cancel()
	if err := <-moved; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func leads(t *testing.T, r route.Route, to route.Endpoint) {
	t.Helper()
	if where, err := r.Where(t.Context()); err != nil || len(where) != 1 || where[0] != to {
		t.Errorf("%s leads to %v, %v; not to %v", r.Name(), where, err, to)
	}
}

// leadByRecord makes the calls of the route through a record of Route 53.
func (s *stand) leadByRecord(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	blue, green, err := s.Endpoints(ctx)
	if err != nil {
		t.Fatal(err)
	}
	api := r53.NewFromConfig(s.aws)
	made, err := api.CreateHostedZone(ctx, &r53.CreateHostedZoneInput{Name: aws.String("example.com"), CallerReference: aws.String("1")})
	if err != nil {
		t.Fatal(err)
	}
	s.zone = strings.TrimPrefix(*made.HostedZone.Id, "/hostedzone/")
	must(t)(api.ChangeResourceRecordSets(ctx, &r53.ChangeResourceRecordSetsInput{
		HostedZoneId: &s.zone,
		ChangeBatch: &r53types.ChangeBatch{Changes: []r53types.Change{{
			Action: r53types.ChangeActionCreate,
			ResourceRecordSet: &r53types.ResourceRecordSet{
				Name: aws.String("db.example.com"), Type: r53types.RRTypeCname, TTL: aws.Int64(5),
				ResourceRecords: []r53types.ResourceRecord{{Value: aws.String(blue.Host)}},
			},
		}}},
	}))
	r := route53.New(route53.Config{
		Zone: s.zone, Record: "db.example.com", Blue: blue, Green: green, Directory: t.TempDir(),
		Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }},
	})
	defer r.Close() //nolint:errcheck // it closes idle connections
	if _, err := r.Check(ctx); err != nil {
		t.Error(err)
	}
	if err := r.Point(ctx, green); err != nil {
		t.Error(err)
	}
	leads(t, r, route.Endpoint{Host: green.Host, Port: green.Port})
	if err := r.Restore(ctx); err != nil {
		t.Error(err)
	}
	leads(t, r, route.Endpoint{Host: blue.Host, Port: blue.Port})
}

// leadByNames makes the calls of the route by names, as far as they can be had: its Check would rename, see differ, and after its Point moto finds no
// DB cluster by the name that it has got.
func (s *stand) leadByNames(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	green, err := s.cluster(ctx, s.config.GreenCluster())
	if err != nil {
		t.Fatal(err)
	}
	s.makeCluster(t, "names")
	blue, err := s.cluster(ctx, "names")
	if err != nil {
		t.Fatal(err)
	}
	r := rename.New(rename.Config{
		Cluster: *blue.DBClusterIdentifier, Region: s.config.Aurora.Region, Blue: *blue.DbClusterResourceId, Green: *green.DBClusterIdentifier,
		Directory: t.TempDir(),
	})
	defer r.Close() //nolint:errcheck // it closes idle connections
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := r.Point(limited, endpointOf(green)); err != nil {
		t.Error(err)
	}
	if where, err := r.Where(ctx); err != nil || len(where) != 1 || where[0].Cluster != *green.DbClusterResourceId {
		t.Errorf("%s leads to %v, %v", r.Name(), where, err)
	}
}

// routeCall is how the routes write the calls of the SDK's clients.
var routeCall = regexp.MustCompile(`api\.([A-Z]\w+)\(ctx|rds\.New([A-Z]\w+)Paginator\(api`)

// calledByRoutes finds the calls of the routes, as IAM names them.
func calledByRoutes(t *testing.T) (actions []string) {
	t.Helper()
	for directory, service := range map[string]struct {
		name   string
		client reflect.Type
	}{
		"rdsapi":   {"rds", reflect.TypeFor[*rds.Client]()},
		"rdsproxy": {"rds", reflect.TypeFor[*rds.Client]()},
		"rename":   {"rds", reflect.TypeFor[*rds.Client]()},
		"route53":  {"route53", reflect.TypeFor[*r53.Client]()},
	} {
		found := routeCall.FindAllStringSubmatch(sourcesIn(t, "../../route/"+directory), -1)
		if len(found) == 0 {
			t.Errorf("no calls are found in %s", directory)
		}
		for _, call := range found {
			if _, is := service.client.MethodByName(call[1] + call[2]); is {
				actions = append(actions, service.name+":"+call[1]+call[2])
			}
		}
	}
	return actions
}
