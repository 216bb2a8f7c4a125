package rdsproxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/rdsapi"
)

// Point registers the DB cluster of endpoint in place of what is registered, and returns when the proxy says that its writer is available. A
// target group has room for one DB cluster, so clients have none in between.
func (r *RDSProxy) Point(ctx context.Context, endpoint route.Endpoint) error {
	if endpoint.Cluster == "" {
		return fmt.Errorf("%s: %s:%d is not the endpoint of a DB cluster", r.name, endpoint.Host, endpoint.Port)
	}
	kept, err := r.recall()
	if err != nil {
		return err
	}
	if kept.Original == "" {
		if kept.Original, err = r.original(ctx, endpoint.Cluster); err != nil {
			return err
		}
		if err := r.keep(kept); err != nil {
			return err
		}
	}
	return r.put(ctx, endpoint.Cluster)
}

// Restore registers what was registered before the first Point.
func (r *RDSProxy) Restore(ctx context.Context) error {
	kept, err := r.recall()
	if err != nil || kept.Original == "" {
		return err
	}
	if err := r.put(ctx, kept.Original); err != nil {
		return err
	}
	kept.Original = ""
	return r.keep(kept)
}

// original is the DbClusterResourceId of what is registered before the first Point. Where that cannot be told any more, it was blue.
func (r *RDSProxy) original(ctx context.Context, wanted string) (string, error) {
	found, err := r.targets(ctx)
	if err != nil {
		return "", err
	}
	if len(found.clusters) > 1 || len(found.single) > 0 {
		return "", fmt.Errorf("%s: target group %q has the DB clusters %q and DB instances %q, not one DB cluster",
			r.name, r.TargetGroup, found.clusters, found.single)
	}
	if len(found.clusters) == 0 {
		return r.Blue, nil
	}
	c, err := r.api.Named(ctx, found.clusters[0])
	if err != nil {
		return "", err
	}
	if c == nil || aws.ToString(c.DbClusterResourceId) == wanted {
		return r.Blue, nil
	}
	return aws.ToString(c.DbClusterResourceId), nil
}

// The proxy is asked soon at first, and then more seldom.
const (
	firstLook = 50 * time.Millisecond
	lastLook  = 2 * time.Second
)

// put makes a DB cluster the only target, and waits until the proxy reaches its writer. It looks before it does anything: an earlier call may have
// been cut off anywhere, and an answer of AWS's may have been lost.
func (r *RDSProxy) put(ctx context.Context, resource string) error {
	wanted, err := r.identifier(ctx, resource)
	if err != nil {
		return err
	}
	waited := "it was not asked yet"
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		found, err := r.targets(ctx)
		if err == nil {
			var done bool
			if done, waited, err = r.advance(ctx, found, wanted); done {
				return nil
			}
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fault.WithHint(fmt.Errorf("%s: wait until it reaches DB cluster %q: %s: %w", r.name, wanted, waited, errors.Join(err, ctx.Err())),
				"To look: aws rds describe-db-proxy-targets --db-proxy-name "+r.Proxy)
		case <-time.After(pause):
		}
	}
}

// advance does what comes next on the way to a target group that has wanted alone. It says what is being waited for.
func (r *RDSProxy) advance(ctx context.Context, found targets, wanted string) (done bool, waited string, err error) {
	others := slices.DeleteFunc(slices.Clone(found.clusters), func(id string) bool { return id == wanted })
	switch {
	case len(others) > 0:
		if err := r.passing(r.deregister(ctx, others)); err != nil {
			return false, "", err
		}
		return false, fmt.Sprintf("it comes in place of %q", others), r.passing(r.register(ctx, wanted))
	case len(found.clusters) == 0:
		return false, "it is being put in", r.passing(r.register(ctx, wanted))
	}
	for _, m := range found.members {
		if aws.ToString(m.TrackedClusterId) == wanted && m.Role == types.TargetRoleReadWrite && m.TargetHealth != nil {
			if m.TargetHealth.State == types.TargetStateAvailable {
				return true, "", nil
			}
			waited = fmt.Sprintf("its writer is %s %s %s", m.TargetHealth.State, m.TargetHealth.Reason, aws.ToString(m.TargetHealth.Description))
		}
	}
	if waited == "" {
		waited = "the proxy does not know its writer yet"
	}
	return false, waited, nil
}

// passing is err unless it only says that another look is needed: a request was sent twice, because its answer was lost, or the proxy, or the DB
// cluster, does something else first.
func (*RDSProxy) passing(err error) error {
	if rdsapi.Is(err, "DBProxyTargetNotFoundFault", "DBProxyTargetAlreadyRegisteredFault", "InvalidDBProxyStateFault", "InvalidDBClusterStateFault",
		"InvalidDBInstanceState") {
		return nil
	}
	return err
}

func (r *RDSProxy) register(ctx context.Context, cluster string) error {
	api, err := r.api.Open(ctx)
	if err != nil {
		return err
	}
	_, err = api.RegisterDBProxyTargets(ctx, &rds.RegisterDBProxyTargetsInput{
		DBProxyName: &r.Proxy, TargetGroupName: &r.TargetGroup, DBClusterIdentifiers: []string{cluster},
	})
	if err != nil {
		return r.api.Failed(fmt.Sprintf("register DB cluster %q", cluster), "RegisterDBProxyTargets", err)
	}
	return nil
}

func (r *RDSProxy) deregister(ctx context.Context, clusters []string) error {
	api, err := r.api.Open(ctx)
	if err != nil {
		return err
	}
	_, err = api.DeregisterDBProxyTargets(ctx, &rds.DeregisterDBProxyTargetsInput{
		DBProxyName: &r.Proxy, TargetGroupName: &r.TargetGroup, DBClusterIdentifiers: clusters,
	})
	if err != nil {
		return r.api.Failed(fmt.Sprintf("deregister DB clusters %q", clusters), "DeregisterDBProxyTargets", err)
	}
	return nil
}
