// Package rename is the route by which clients of Amazon Aurora keep the names that they know: the cluster endpoint, the reader endpoint and
// instance endpoints, which AWS makes of identifiers. Blue's DB cluster and DB instances are renamed away, and green's get their identifiers
// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBCluster.html, NewDBClusterIdentifier, and API_ModifyDBInstance.html,
// NewDBInstanceIdentifier). Nobody can be held meanwhile, and the names lead nowhere for as long as AWS takes.
package rename

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/rdsapi"
)

// Config says whose names they are.
type Config struct {
	Cluster string // DB cluster identifier that clients know, blue's before
	Region  string // AWS region of both DB clusters
	Profile string // profile of the SDK's shared files; "" takes its standard chain

	Blue  string // DbClusterResourceId of blue
	Green string // DB cluster identifier that green has before, whether it is there yet or not

	Directory string // where the names before the first Point are kept
}

// Rename is the route by one DB cluster's names. It is not for concurrent use.
type Rename struct {
	Config
	name string
	api  *rdsapi.API
}

var _ route.Renaming = (*Rename)(nil)

// New returns the route by the names of c. Nothing is opened yet.
func New(c Config) *Rename {
	name := "rename " + c.Cluster
	return &Rename{Config: c, name: name, api: rdsapi.New(name, c.Region, c.Profile)}
}

// Name is `rename orders`.
func (r *Rename) Name() string { return r.name }

// Hold holds nobody: a name cannot.
func (*Rename) Hold(context.Context) error { return nil }

// Release has nothing to do.
func (*Rename) Release(context.Context) error { return nil }

// Close ends the connections to the API.
func (r *Rename) Close() error {
	r.api.Close()
	return nil
}

// takes bounds Point and Restore. AWS says that the new name of a renamed instance takes effect in about ten minutes
// (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_RenameInstance.html), and here two renames come one after the other.
const takes = 45 * time.Minute

// Takes is 45 minutes.
func (*Rename) Takes() time.Duration { return takes }

// Renames says that the DB clusters have other endpoints afterwards.
func (*Rename) Renames() {}

// Where returns the endpoint of the DB cluster that has the clients' name now, none where none has it.
func (r *Rename) Where(ctx context.Context) ([]route.Endpoint, error) {
	c, err := r.api.Named(ctx, r.Cluster)
	if err != nil || c == nil {
		return nil, err
	}
	return []route.Endpoint{{
		Host: aws.ToString(c.Endpoint), Port: int(aws.ToInt32(c.Port)), Cluster: aws.ToString(c.DbClusterResourceId),
	}}, nil
}
