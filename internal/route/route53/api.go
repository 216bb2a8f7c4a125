package route53

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/pgteal/pgteal/internal/fault"
)

const (
	// requestTimeout bounds one try of a request.
	requestTimeout = 5 * time.Second

	// Route 53 takes five requests a second of an account and turns the others away
	// (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-requests), and it turns a change away while
	// another one of the zone is being made. Both pass within seconds.
	mostTries   = 10
	longestWait = time.Second

	// syncLimit bounds the wait for the name servers, which generally have a change within 60 seconds
	// (https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html).
	syncLimit = 3 * time.Minute
)

// open makes the client, once. It is no sooner, as it may have to ask for credentials.
func (r *Route53) open(ctx context.Context) (*route53.Client, error) {
	if r.api != nil {
		return r.api, nil
	}
	loaded, err := config.LoadDefaultConfig(ctx,
		config.WithSharedConfigProfile(r.Profile),
		config.WithRegion(r.Region),
		config.WithDefaultRegion("us-east-1"), // Route 53 is global
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = mostTries, longestWait })
		}))
	if err != nil {
		return nil, fault.WithHint(fmt.Errorf("%s: read the configuration of the AWS SDK: %w", r.name, err), "See to ~/.aws/config and the variables AWS_*.")
	}
	r.http = &http.Client{Timeout: requestTimeout}
	if built, is := loaded.HTTPClient.(*awshttp.BuildableClient); is {
		r.http.Transport = built.GetTransport() // it knows AWS_CA_BUNDLE
	}
	r.api = route53.NewFromConfig(loaded, func(o *route53.Options) { o.HTTPClient = r.http })
	return r.api, nil
}

// list returns the record sets of the record's name.
func (r *Route53) list(ctx context.Context) (sets []types.ResourceRecordSet, err error) {
	api, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	request := &route53.ListResourceRecordSetsInput{HostedZoneId: &r.Zone, StartRecordName: aws.String(r.Record + ".")}
	for {
		page, err := api.ListResourceRecordSets(ctx, request)
		if err != nil {
			return nil, r.explain("ListResourceRecordSets", err)
		}
		for _, s := range page.ResourceRecordSets {
			if bare(*s.Name) != r.Record { // they come in the order of their names
				return sets, nil
			}
			sets = append(sets, s)
		}
		if !page.IsTruncated {
			return sets, nil
		}
		request.StartRecordName, request.StartRecordType = page.NextRecordName, page.NextRecordType
		request.StartRecordIdentifier = page.NextRecordIdentifier
	}
}

// change submits changes of the record, and returns the id under which Route 53 has accepted them.
func (r *Route53) change(ctx context.Context, changes []types.Change) (string, error) {
	api, err := r.open(ctx)
	if err != nil {
		return "", err
	}
	for _, c := range changes {
		c.ResourceRecordSet.Name = aws.String(r.Record + ".")
	}
	answer, err := api.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: &r.Zone, ChangeBatch: &types.ChangeBatch{Changes: changes, Comment: aws.String("pgteal")},
	})
	if err != nil {
		return "", r.explain("ChangeResourceRecordSets", err)
	}
	return strings.TrimPrefix(*answer.ChangeInfo.Id, "/change/"), nil
}

// await returns when all name servers have the change. One that Route 53 does not know any more is an old one.
func (r *Route53) await(ctx context.Context, change string) error {
	if change == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, syncLimit)
	defer cancel()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, longestWait) {
		status, err := r.status(ctx, change)
		if err == nil && status == types.ChangeStatusInsync {
			return nil
		}
		if _, old := errors.AsType[*types.NoSuchChange](err); old {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fault.WithHint(fmt.Errorf("%s: wait for change %s to reach all name servers of Route 53: %w", r.name, change, ctx.Err()),
				"It is accepted and needs nothing more. To look: aws route53 get-change --id "+change)
		case <-time.After(wait):
		}
	}
}

func (r *Route53) status(ctx context.Context, change string) (types.ChangeStatus, error) {
	api, err := r.open(ctx)
	if err != nil {
		return "", err
	}
	answer, err := api.GetChange(ctx, &route53.GetChangeInput{Id: &change})
	if err != nil {
		return "", r.explain("GetChange", err)
	}
	return answer.ChangeInfo.Status, nil
}
