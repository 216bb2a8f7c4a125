package aurora

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go/logging"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/progress"
)

const (
	// requestTimeout bounds one try of a request.
	requestTimeout = 30 * time.Second

	// A request that AWS turns away for the moment, or does not answer, is tried so often, in the end with so long in between: some three minutes.
	mostTries   = 40
	longestWait = 5 * time.Second

	// quietTries is how many tries fail before somebody is told, and tellEvery how often that is.
	quietTries = 4
	tellEvery  = 30 * time.Second
)

// open makes the clients, once. It is no sooner, as it may have to ask for credentials.
func (a *Aurora) open(ctx context.Context) error {
	if a.rds != nil {
		return nil
	}
	load := func(ctx context.Context) (aws.Config, error) {
		return config.LoadDefaultConfig(ctx, config.WithSharedConfigProfile(a.config.Aurora.Profile), config.WithRegion(a.config.Aurora.Region))
	}
	loaded, err := load(ctx)
	if err != nil {
		return fault.WithHint(fmt.Errorf("read the configuration of the AWS SDK: %w", err), "See to ~/.aws/config and the variables AWS_*.")
	}
	// Credentials that have expired are looked for anew where they came from, files included, which the SDK reads once.
	credentials := aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		again, err := load(ctx)
		if err != nil {
			return aws.Credentials{}, err
		}
		return again.Credentials.Retrieve(ctx)
	}))
	loaded.Credentials = credentials
	loaded.Retryer = func() aws.Retryer { return a.patience(credentials) }
	a.http = &http.Client{Timeout: requestTimeout}
	if built, is := loaded.HTTPClient.(*awshttp.BuildableClient); is {
		a.http.Transport = built.GetTransport() // it knows AWS_CA_BUNDLE
	}
	loaded.HTTPClient = a.http
	loaded.Logger = logging.Nop{} // what matters comes as an error
	a.aws = loaded
	a.ec2, a.secrets = ec2.NewFromConfig(loaded), secretsmanager.NewFromConfig(loaded)
	a.scaling, a.rds = applicationautoscaling.NewFromConfig(loaded), rds.NewFromConfig(loaded)
	return nil
}

// begin opens the clients for a method that reports to step.
func (a *Aurora) begin(ctx context.Context, step *progress.Step) error {
	a.mu.Lock()
	a.step = step
	a.mu.Unlock()
	return a.open(ctx)
}

// tell says why AWS is asked again and again, now and then.
func (a *Aurora) tell(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Since(a.toldAt) < tellEvery {
		return
	}
	a.toldAt = time.Now()
	if expired(err) {
		a.step.Say("the AWS credentials have expired; waiting for new ones")
		return
	}
	a.step.Say(fmt.Sprintf("AWS does not do it yet, trying on: %v", err))
}

// patience is the SDK's own way to try again, with room for throttling to pass and for credentials to be renewed.
func (a *Aurora) patience(credentials *aws.CredentialsCache) aws.RetryerV2 {
	return patience{
		RetryerV2: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff, o.RateLimiter = mostTries, longestWait, ratelimit.None
		}),
		renew: credentials.Invalidate, tell: a.tell,
	}
}

type patience struct {
	aws.RetryerV2
	renew func()
	tell  func(error)
}

// IsErrorRetryable takes expired credentials for something that passes, and an answer that broke off for none. What was asked for may have been
// done by then, which whoever asks again is told.
func (p patience) IsErrorRetryable(err error) bool {
	if expired(err) {
		p.renew()
		return true
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	return p.RetryerV2.IsErrorRetryable(err)
}

// RetryDelay is the SDK's, and tells of what goes on for long.
func (p patience) RetryDelay(attempt int, err error) (time.Duration, error) {
	if attempt > quietTries || expired(err) {
		p.tell(err)
	}
	return p.RetryerV2.RetryDelay(attempt, err)
}
