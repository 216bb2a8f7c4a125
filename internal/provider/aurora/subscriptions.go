package aurora

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// The kinds of sources of RDS events that are about clusters and instances.
const (
	sourceCluster  = "db-cluster"
	sourceInstance = "db-instance"
)

// eventSubscriptions lists those that name their sources. One that names none hears of everything, and so of green.
func (a *Aurora) eventSubscriptions(ctx context.Context) (all []types.EventSubscription, err error) {
	for pages := rds.NewDescribeEventSubscriptionsPaginator(a.rds, &rds.DescribeEventSubscriptionsInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list the event subscriptions of region", a.config.Aurora.Region, err)
		}
		for _, s := range page.EventSubscriptionsList {
			if len(s.SourceIdsList) > 0 {
				all = append(all, s)
			}
		}
	}
	return all, nil
}

// joinSubscriptions adds green, or all of its instances, to the event subscriptions that are about blue, or one of its instances.
func (a *Aurora) joinSubscriptions(ctx context.Context, blue, green *types.DBCluster) error {
	all, err := a.eventSubscriptions(ctx)
	if err != nil || len(all) == 0 {
		return err
	}
	ofBlue, err := a.instances(ctx, blue)
	if err != nil {
		return err
	}
	ofGreen, err := a.instances(ctx, green)
	if err != nil {
		return err
	}
	for _, s := range all {
		var from, to []string
		switch aws.ToString(s.SourceType) {
		case sourceCluster:
			from, to = []string{*blue.DBClusterIdentifier}, []string{*green.DBClusterIdentifier}
		case sourceInstance:
			from, to = identifiers(ofBlue), identifiers(ofGreen)
		}
		if !slices.ContainsFunc(from, func(id string) bool { return slices.Contains(s.SourceIdsList, id) }) {
			continue
		}
		for _, id := range to {
			if slices.Contains(s.SourceIdsList, id) {
				continue
			}
			_, err := a.rds.AddSourceIdentifierToSubscription(ctx, &rds.AddSourceIdentifierToSubscriptionInput{
				SubscriptionName: s.CustSubscriptionId, SourceIdentifier: &id,
			})
			if err != nil {
				return failed("add green to the event subscription", aws.ToString(s.CustSubscriptionId), err)
			}
		}
	}
	return nil
}

// leaveSubscriptions takes a green that goes, and its instances, out of event subscriptions.
func (a *Aurora) leaveSubscriptions(ctx context.Context, green *types.DBCluster, instances []types.DBInstance) error {
	all, err := a.eventSubscriptions(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		var from []string
		switch aws.ToString(s.SourceType) {
		case sourceCluster:
			from = []string{*green.DBClusterIdentifier}
		case sourceInstance:
			from = identifiers(instances)
		}
		for _, id := range from {
			if !slices.Contains(s.SourceIdsList, id) {
				continue
			}
			_, err := a.rds.RemoveSourceIdentifierFromSubscription(ctx, &rds.RemoveSourceIdentifierFromSubscriptionInput{
				SubscriptionName: s.CustSubscriptionId, SourceIdentifier: &id,
			})
			if err != nil && !is(err, "SourceNotFound") {
				return failed("take green out of the event subscription", aws.ToString(s.CustSubscriptionId), err)
			}
		}
	}
	return nil
}

func identifiers(instances []types.DBInstance) (ids []string) {
	for _, i := range instances {
		ids = append(ids, aws.ToString(i.DBInstanceIdentifier))
	}
	return ids
}
