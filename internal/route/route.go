// Package route says what pgteal asks of the way by which clients reach the writer.
package route

import (
	"context"
	"errors"
	"time"

	"github.com/pgteal/pgteal/internal/finding"
)

// ErrHoldTimeout says that clients did not let go of their transactions within the time given to Hold.
// The route has let its clients go on.
var ErrHoldTimeout = errors.New("open transactions did not end in time")

// Endpoint is an address of a cluster.
type Endpoint struct {
	Host            string `json:"host"`             // host name or address; "" keeps the host that the route has
	Port            int    `json:"port"`             //
	SocketDirectory string `json:"socket_directory"` // for routes that reach the cluster through a Unix socket; may be empty

	// Cluster is the DbClusterResourceId of a DB cluster of Amazon Aurora, which no renaming changes: for routes that lead to a cluster
	// and not to an address. It is empty elsewhere.
	Cluster string `json:"cluster,omitempty"`
}

// Route is one way by which clients reach the writer. Every method may be called again after it was cut off at any point.
type Route interface {
	// Name names the route for people: `pgbouncer 127.0.0.1:6432`.
	Name() string

	// Check finds what would keep the route from being held, repointed or released. Clients notice nothing.
	Check(ctx context.Context) ([]finding.Finding, error)

	// Hold keeps clients waiting without an error, and returns when no transaction of theirs is open behind the route. When ctx
	// ends first it lets them go on and returns ErrHoldTimeout. A route that cannot hold clients returns nil at once.
	Hold(ctx context.Context) error

	// Point leads clients to endpoint from now on. Held clients stay held.
	Point(ctx context.Context, endpoint Endpoint) error

	// Where returns where the route leads clients now.
	Where(ctx context.Context) ([]Endpoint, error)

	// Release lets held clients go on. It is no error where none are held.
	Release(ctx context.Context) error

	// Restore puts the route's own files back as they were before the first Point.
	Restore(ctx context.Context) error

	// Forget removes what Restore would need: the route will never lead back.
	Forget() error

	// Close ends the route's own connections.
	Close() error
}

// Slow is a route whose Point and Restore take a cloud's time. Clients see errors for as long, or wait where another route holds them. It is led
// when the cluster that it leads to is open already.
type Slow interface {
	Route

	// Takes bounds Point and Restore: a switchover that is committed gives them so long, and then leaves it to the next command to go on.
	Takes() time.Duration
}

// Renaming is a route that gives the clusters each other's addresses. Whoever reaches them afterwards has to ask anew where they are.
type Renaming interface {
	Slow

	// Renames says so.
	Renames()
}
