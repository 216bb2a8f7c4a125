// Package aurora is Amazon Aurora PostgreSQL. Blue is a DB cluster; green is a copy-on-write clone of it that AWS upgrades. What pgteal does there
// it does through the API of Amazon RDS, and SQL as a member of rds_superuser: nobody is a superuser there.
package aurora

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider"
	"github.com/pgteal/pgteal/internal/route"
)

// engine is the name that RDS has for Aurora PostgreSQL.
const engine = "aurora-postgresql"

// Aurora implements provider.Provider. It keeps nothing that a later process could not ask AWS for again. It is for one goroutine at a time.
type Aurora struct {
	config   *config.Config
	password string // of the operator's role; "" where it comes from elsewhere
	upgrade  string // the upgrade's id; "" before Own
	limits   limits
	endpoint route.Endpoint // green's, once known

	aws     aws.Config // the rest is opened when it is first needed
	http    *http.Client
	rds     *rds.Client
	ec2     *ec2.Client
	secrets *secretsmanager.Client
	scaling *applicationautoscaling.Client

	mu     sync.Mutex
	step   *progress.Step // who is told that AWS does not answer
	toldAt time.Time
}

var _ provider.Provider = (*Aurora)(nil)

// New returns the provider for the DB cluster that cfg names. Password is that of the operator's role, "" where a secret or a token serves.
// Nothing is opened yet.
func New(cfg *config.Config, password string) *Aurora {
	return &Aurora{config: cfg, password: password, limits: defaultLimits}
}

// Own says which upgrade this is. Its id is in the tag of whatever is made.
func (a *Aurora) Own(upgrade string) { a.upgrade = upgrade }

// Programs returns none: AWS runs pg_upgrade.
func (*Aurora) Programs() pgctl.Programs { return pgctl.Programs{} }

// endpointTimeout bounds the question for green's address, for which callers have no context.
const endpointTimeout = 15 * time.Second

// Endpoint is the cluster endpoint of green, which leads to its writer. It is empty where green is not there.
func (a *Aurora) Endpoint() route.Endpoint {
	if a.endpoint.Host != "" {
		return a.endpoint
	}
	ctx, cancel := context.WithTimeout(context.Background(), endpointTimeout)
	defer cancel()
	if green, err := a.green(ctx); err == nil && green != nil {
		a.endpoint = endpointOf(green)
	}
	return a.endpoint
}

// Endpoints returns where routes reach blue, and where they will reach green: AWS gives the cluster endpoints of a region names that differ in the
// identifier alone (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Overview.Endpoints.html). Green has blue's port. What is
// gone is nowhere.
func (a *Aurora) Endpoints(ctx context.Context) (blue, green route.Endpoint, err error) {
	ctx, cancel := context.WithTimeout(ctx, endpointTimeout)
	defer cancel()
	found, err := a.findBlue(ctx)
	if err != nil {
		return blue, green, err
	}
	there, err := a.cluster(ctx, a.config.GreenCluster())
	if err == nil && there == nil && found != nil && *found.DBClusterIdentifier != a.config.Aurora.Cluster { // it has blue's name
		there, err = a.cluster(ctx, a.config.Aurora.Cluster)
	}
	if err != nil {
		return blue, green, err
	}
	if found != nil {
		blue = endpointOf(found)
		green.Port = blue.Port
		if rest, is := strings.CutPrefix(blue.Host, *found.DBClusterIdentifier+"."); is {
			green.Host = a.config.GreenCluster() + "." + rest
		}
	}
	if there != nil {
		green = endpointOf(there)
	}
	return blue, green, nil
}

var errNotWithdrawn = fault.New(fault.Usage, errors.New("a DB cluster of Aurora cannot be taken off its address, which a route libpq needs"),
	"Lead clients by a route that moves them: route53, rdsproxy, rename, pgbouncer, haproxy or command.")

// Withdraw is an error: a DB cluster that listens to nobody cannot be had.
func (*Aurora) Withdraw(context.Context, postgres.Addresses, func(context.Context) (*postgres.Server, error)) error {
	return errNotWithdrawn
}

// Return is an error, as Withdraw is.
func (*Aurora) Return(context.Context, postgres.Addresses, func(context.Context) (*postgres.Server, error)) error {
	return errNotWithdrawn
}
