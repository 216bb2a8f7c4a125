package route53

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/pgteal/pgteal/internal/route"
)

// Point changes the record, and returns when Route 53 has accepted the change: from there on it cannot fail any more, and waiting for the name
// servers would only lengthen the pause. Where waits for them. The record gets the type that endpoint's host needs, so a record of another
// type goes in the same change. An endpoint without a host changes nothing.
func (r *Route53) Point(ctx context.Context, endpoint route.Endpoint) error {
	if endpoint.Host == "" {
		return nil
	}
	kept, err := r.recall()
	if err != nil {
		return err
	}
	err = r.put(ctx, &kept, func(current []set) ([]set, error) {
		if kept.Original == nil {
			kept.Original = current
			if err := r.keep(kept); err != nil {
				return nil, err
			}
		}
		ttl := current[0].TTL
		if r.TTL > 0 {
			ttl = int64(r.TTL.Seconds())
		}
		return []set{leadingTo(endpoint.Host, ttl)}, nil
	})
	if err != nil {
		return err
	}
	return r.keep(kept)
}

// Restore puts the record back as it was before the first Point: type, TTL and values. Like Point it returns when the change is accepted.
func (r *Route53) Restore(ctx context.Context) error {
	kept, err := r.recall()
	if err != nil || kept.Original == nil {
		return err
	}
	if err := r.put(ctx, &kept, func([]set) ([]set, error) { return kept.Original, nil }); err != nil {
		return err
	}
	kept.Original = nil
	return r.keep(kept)
}

// put makes the record what wanted says, and notes the change in kept. It submits the change also where the record is so already: an earlier
// pgteal may have died before it noted the change that Where waits for.
func (r *Route53) put(ctx context.Context, kept *kept, wanted func(current []set) ([]set, error)) error {
	for attempt := 0; ; attempt++ {
		all, err := r.list(ctx)
		if err != nil {
			return err
		}
		current, err := r.addresses(all)
		if err != nil {
			return err
		}
		sets, err := wanted(current)
		if err != nil {
			return err
		}
		kept.Change, err = r.change(ctx, changes(current, sets))
		if err == nil {
			return nil
		}
		// A request that was sent twice, because its answer was lost, finds nothing left to delete the second time.
		if _, invalid := errors.AsType[*types.InvalidChangeBatch](err); !invalid || attempt > 0 {
			return fmt.Errorf("change %s from %v to %v: %w", r.Record, current, sets, err)
		}
	}
}

// changes is what makes sets of current. One change batch is carried out as a whole or not at all.
func changes(current, sets []set) (changes []types.Change) {
	for _, s := range current {
		if !slices.ContainsFunc(sets, func(other set) bool { return other.Type == s.Type }) {
			changes = append(changes, types.Change{Action: types.ChangeActionDelete, ResourceRecordSet: s.request()})
		}
	}
	for _, s := range sets {
		changes = append(changes, types.Change{Action: types.ChangeActionUpsert, ResourceRecordSet: s.request()})
	}
	return changes
}

// request is s as the API takes it, without its name.
func (s set) request() *types.ResourceRecordSet {
	request := &types.ResourceRecordSet{Type: s.Type, TTL: aws.Int64(s.TTL)}
	for _, value := range s.Values {
		request.ResourceRecords = append(request.ResourceRecords, types.ResourceRecord{Value: aws.String(value)})
	}
	return request
}
