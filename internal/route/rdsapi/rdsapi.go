// Package rdsapi is the API of Amazon RDS as routes use it.
package rdsapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"github.com/pgteal/pgteal/internal/fault"
)

const (
	// requestTimeout bounds one try of a request.
	requestTimeout = 20 * time.Second

	// A request that AWS turns away for the moment, or does not answer, is tried so often, with so long in between at most. Clients may see errors
	// meanwhile, so it is asked soon again.
	mostTries   = 10
	longestWait = time.Second
)

// API is the API of one region for one route. It is not for concurrent use.
type API struct {
	route, region, profile string

	rds  *rds.Client // nil until it is needed
	http *http.Client
}

// New returns the API for a route, which its errors name. Profile is that of the SDK's shared files, "" for its standard chain. Nothing is opened
// yet.
func New(route, region, profile string) *API {
	return &API{route: route, region: region, profile: profile}
}

// Open makes the client, once. It is no sooner, as it may have to ask for credentials.
func (a *API) Open(ctx context.Context) (*rds.Client, error) {
	if a.rds != nil {
		return a.rds, nil
	}
	loaded, err := config.LoadDefaultConfig(ctx, config.WithSharedConfigProfile(a.profile), config.WithRegion(a.region),
		config.WithLogger(logging.Nop{}), // what matters comes as an error
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff, o.RateLimiter = mostTries, longestWait, ratelimit.None
				o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(brokenOff))
			})
		}))
	if err != nil {
		return nil, fault.WithHint(fmt.Errorf("%s: read the configuration of the AWS SDK: %w", a.route, err), "See to ~/.aws/config and the variables AWS_*.")
	}
	a.http = &http.Client{Timeout: requestTimeout}
	if built, is := loaded.HTTPClient.(*awshttp.BuildableClient); is {
		a.http.Transport = built.GetTransport() // it knows AWS_CA_BUNDLE
	}
	a.rds = rds.NewFromConfig(loaded, func(o *rds.Options) { o.HTTPClient = a.http })
	return a.rds, nil
}

// brokenOff tells that an answer ended in the middle. What was asked for may have been done by then, which whoever asks again is told.
func brokenOff(err error) aws.Ternary {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// Close ends the connections to the API.
func (a *API) Close() {
	if a.http != nil {
		a.http.CloseIdleConnections()
	}
}

// Cluster returns the DB cluster with a DbClusterResourceId, whatever its name is now, nil where there is none.
func (a *API) Cluster(ctx context.Context, resource string) (*types.DBCluster, error) {
	return a.first(ctx, "DB cluster "+resource, &rds.DescribeDBClustersInput{}, func(c types.DBCluster) bool {
		return aws.ToString(c.DbClusterResourceId) == resource
	})
}

// Named returns the DB cluster that has a DB cluster identifier now, nil where there is none.
func (a *API) Named(ctx context.Context, identifier string) (*types.DBCluster, error) {
	return a.first(ctx, "DB cluster "+identifier, &rds.DescribeDBClustersInput{DBClusterIdentifier: &identifier}, func(types.DBCluster) bool { return true })
}

func (a *API) first(
	ctx context.Context, object string, input *rds.DescribeDBClustersInput, wanted func(types.DBCluster) bool,
) (*types.DBCluster, error) {
	api, err := a.Open(ctx)
	if err != nil {
		return nil, err
	}
	for pages := rds.NewDescribeDBClustersPaginator(api, input); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if Is(err, "DBClusterNotFoundFault") {
			return nil, nil //nolint:nilnil // none is an answer
		}
		if err != nil {
			return nil, a.Failed("look at "+object, "DescribeDBClusters", err)
		}
		if at := slices.IndexFunc(page.DBClusters, wanted); at >= 0 {
			return &page.DBClusters[at], nil
		}
	}
	return nil, nil //nolint:nilnil // none is an answer
}

// Is tells whether AWS has answered with one of codes.
func Is(err error, codes ...string) bool {
	answer, is := errors.AsType[smithy.APIError](err)
	return is && slices.Contains(codes, answer.ErrorCode())
}
