package simulator

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

const dbClusterSource = types.SourceTypeDbCluster

// event remembers an event.
func (w *world) event(kind types.SourceType, source, message string, categories ...string) {
	w.events = append(w.events, types.Event{
		SourceType: kind, SourceIdentifier: &source, Message: &message, EventCategories: categories, Date: ptr(time.Now()),
	})
}

func (s *Simulator) describeEvents(_ *call, in *rds.DescribeEventsInput) (*rds.DescribeEventsOutput, error) {
	if in.SourceIdentifier != nil && in.SourceType == "" {
		return nil, refuseAs(invalidParameterCombination, "SourceType must be supplied if SourceIdentifier is supplied.")
	}
	const hour = 60 // minutes, if nothing is said
	since := time.Now().Add(-time.Duration(value(or(in.Duration, hour))) * time.Minute)
	if in.StartTime != nil {
		since = *in.StartTime
	}
	all := []types.Event{}
	for _, e := range s.world.events {
		if in.SourceIdentifier != nil && *in.SourceIdentifier != *e.SourceIdentifier || in.SourceType != "" && in.SourceType != e.SourceType ||
			e.Date.Before(since) || in.EndTime != nil && e.Date.After(*in.EndTime) {
			continue
		}
		all = append(all, e)
	}
	page, marker, err := paged(all, in.Marker, in.MaxRecords)
	return &rds.DescribeEventsOutput{Events: page, Marker: marker}, err
}
