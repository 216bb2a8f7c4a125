package simulator

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// subscription finds an event subscription.
func (w *world) subscription(name string) (*types.EventSubscription, error) {
	for _, subscription := range w.subscriptions {
		if *subscription.CustSubscriptionId == name {
			return subscription, nil
		}
	}
	return nil, refuse(schemas.SubscriptionNotFoundFault, "Subscription %s not found.", name)
}

func (s *Simulator) describeEventSubscriptions(_ *call, in *rds.DescribeEventSubscriptionsInput) (*rds.DescribeEventSubscriptionsOutput, error) {
	all := []types.EventSubscription{}
	for _, subscription := range s.world.subscriptions {
		if in.SubscriptionName == nil || *in.SubscriptionName == *subscription.CustSubscriptionId {
			all = append(all, *subscription)
		}
	}
	if in.SubscriptionName != nil && len(all) == 0 {
		return nil, refuse(schemas.SubscriptionNotFoundFault, "Subscription %s not found.", *in.SubscriptionName)
	}
	page, marker, err := paged(all, in.Marker, in.MaxRecords)
	return &rds.DescribeEventSubscriptionsOutput{EventSubscriptionsList: page, Marker: marker}, err
}

func (s *Simulator) createEventSubscription(_ *call, in *rds.CreateEventSubscriptionInput) (*rds.CreateEventSubscriptionOutput, error) {
	if _, err := s.world.subscription(*in.SubscriptionName); err == nil {
		return nil, refuse(schemas.SubscriptionAlreadyExistFault, "Subscription %s already exists.", *in.SubscriptionName)
	}
	subscription := &types.EventSubscription{
		CustSubscriptionId: in.SubscriptionName, SnsTopicArn: in.SnsTopicArn, SourceType: in.SourceType, EventCategoriesList: in.EventCategories,
		Enabled: or(in.Enabled, true), Status: ptr("active"), CustomerAwsId: ptr(Account), EventSubscriptionArn: ptr(s.arn("es", *in.SubscriptionName)),
		SubscriptionCreationTime: ptr(time.Now().UTC().Format(time.RFC3339)),
	}
	for _, source := range in.SourceIds {
		if err := s.subscribe(subscription, source); err != nil {
			return nil, err
		}
	}
	s.world.subscriptions = append(s.world.subscriptions, subscription)
	s.world.retag(*subscription.EventSubscriptionArn, in.Tags)
	return &rds.CreateEventSubscriptionOutput{EventSubscription: subscription}, nil
}

// subscribe adds a source, which has to be there.
func (s *Simulator) subscribe(subscription *types.EventSubscription, source string) error {
	var err error
	switch value(subscription.SourceType) {
	case "db-cluster":
		_, err = s.world.cluster(&source)
	case "db-instance":
		_, err = s.world.instance(&source)
	case "":
		return refuseAs(invalidParameterCombination, "SourceIds cannot be specified without a SourceType.")
	}
	if err != nil {
		return refuse(schemas.SourceNotFoundFault, "Could not find source %s", source)
	}
	if !slices.Contains(subscription.SourceIdsList, source) {
		subscription.SourceIdsList = append(slices.Clone(subscription.SourceIdsList), source)
	}
	return nil
}

func (s *Simulator) addSourceIdentifierToSubscription(_ *call, in *rds.AddSourceIdentifierToSubscriptionInput) (
	*rds.AddSourceIdentifierToSubscriptionOutput, error,
) {
	subscription, err := s.world.subscription(*in.SubscriptionName)
	if err != nil {
		return nil, err
	}
	if err := s.subscribe(subscription, *in.SourceIdentifier); err != nil {
		return nil, err
	}
	return &rds.AddSourceIdentifierToSubscriptionOutput{EventSubscription: subscription}, nil
}

func (s *Simulator) removeSourceIdentifierFromSubscription(_ *call, in *rds.RemoveSourceIdentifierFromSubscriptionInput) (
	*rds.RemoveSourceIdentifierFromSubscriptionOutput, error,
) {
	subscription, err := s.world.subscription(*in.SubscriptionName)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(subscription.SourceIdsList, *in.SourceIdentifier) {
		return nil, refuse(schemas.SourceNotFoundFault, "Could not find source %s", *in.SourceIdentifier)
	}
	subscription.SourceIdsList = slices.DeleteFunc(slices.Clone(subscription.SourceIdsList), func(source string) bool { return source == *in.SourceIdentifier })
	return &rds.RemoveSourceIdentifierFromSubscriptionOutput{EventSubscription: subscription}, nil
}
