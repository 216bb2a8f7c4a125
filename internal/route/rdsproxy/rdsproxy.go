// Package rdsproxy is the route through an RDS Proxy, to whose endpoint clients connect. They are led elsewhere by taking one DB cluster out of
// the proxy's target group and putting another one in
// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RegisterDBProxyTargets.html). A proxy cannot be told to hold its clients.
package rdsproxy

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/rdsapi"
)

// DefaultTargetGroup is the target group that every proxy has. AWS gives a proxy no other one so far
// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBProxyTargetGroup.html).
const DefaultTargetGroup = "default"

// Config says which proxy leads the clients.
type Config struct {
	Proxy       string // name of the proxy
	TargetGroup string // default: DefaultTargetGroup
	Region      string // AWS region of proxy and clusters
	Profile     string // profile of the SDK's shared files; "" takes its standard chain

	Blue  string // DbClusterResourceId of the DB cluster to which the proxy leads before
	Green string // DB cluster identifier of the one to which it is to lead, which need not be there yet

	Directory string // where is kept what was registered before the first Point
}

// RDSProxy is the route through one proxy. It is not for concurrent use.
type RDSProxy struct {
	Config
	name string
	api  *rdsapi.API
}

var _ route.Slow = (*RDSProxy)(nil)

// New returns the route through the proxy of c. Nothing is opened yet.
func New(c Config) *RDSProxy {
	if c.TargetGroup == "" {
		c.TargetGroup = DefaultTargetGroup
	}
	name := "rdsproxy " + c.Proxy
	return &RDSProxy{Config: c, name: name, api: rdsapi.New(name, c.Region, c.Profile)}
}

// Name is `rdsproxy orders`.
func (r *RDSProxy) Name() string { return r.name }

// Hold holds nobody: a proxy cannot be told to.
func (*RDSProxy) Hold(context.Context) error { return nil }

// Release has nothing to do.
func (*RDSProxy) Release(context.Context) error { return nil }

// Close ends the connections to the API.
func (r *RDSProxy) Close() error {
	r.api.Close()
	return nil
}

// takes bounds a change of targets. AWS names no bound; a target that is not available by then has a reason, which the error tells.
const takes = 10 * time.Minute

// Takes is ten minutes.
func (*RDSProxy) Takes() time.Duration { return takes }

// Where returns the cluster endpoint of the DB cluster that is registered, none where none is.
func (r *RDSProxy) Where(ctx context.Context) ([]route.Endpoint, error) {
	found, err := r.targets(ctx)
	if err != nil {
		return nil, err
	}
	var endpoints []route.Endpoint
	for _, id := range found.clusters {
		c, err := r.api.Named(ctx, id)
		if err != nil {
			return nil, err
		}
		if c != nil {
			endpoints = append(endpoints, route.Endpoint{
				Host: aws.ToString(c.Endpoint), Port: int(aws.ToInt32(c.Port)), Cluster: aws.ToString(c.DbClusterResourceId),
			})
		}
	}
	return endpoints, nil
}

// targets is what a target group has.
type targets struct {
	clusters []string // DB cluster identifiers of those registered
	single   []string // identifiers of DB instances that are registered by themselves
	members  []types.DBProxyTarget
}

// targets asks what is registered.
func (r *RDSProxy) targets(ctx context.Context) (found targets, err error) {
	api, err := r.api.Open(ctx)
	if err != nil {
		return found, err
	}
	input := &rds.DescribeDBProxyTargetsInput{DBProxyName: &r.Proxy, TargetGroupName: &r.TargetGroup}
	for pages := rds.NewDescribeDBProxyTargetsPaginator(api, input); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return found, r.api.Failed("look at its targets", "DescribeDBProxyTargets", err)
		}
		for _, t := range page.Targets {
			switch {
			case t.Type == types.TargetTypeTrackedCluster:
				found.clusters = append(found.clusters, aws.ToString(t.RdsResourceId))
			case aws.ToString(t.TrackedClusterId) == "":
				found.single = append(found.single, aws.ToString(t.RdsResourceId))
			default:
				found.members = append(found.members, t)
			}
		}
	}
	return found, nil
}

// identifier is the name that the DB cluster with a DbClusterResourceId has now.
func (r *RDSProxy) identifier(ctx context.Context, resource string) (string, error) {
	c, err := r.api.Cluster(ctx, resource)
	if err != nil {
		return "", err
	}
	if c == nil {
		return "", fault.New(fault.Failed, fmt.Errorf("%s: DB cluster %s, to which it is to lead, is gone", r.name, resource), "")
	}
	return *c.DBClusterIdentifier, nil
}
