package rename

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/rdsstatus"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/rdsapi"
)

// Point gives the clients' names to the DB cluster of endpoint, and returns when all that was renamed is available. AWS restarts an instance that it
// renames.
func (r *Rename) Point(ctx context.Context, endpoint route.Endpoint) error {
	if endpoint.Cluster == "" {
		return fmt.Errorf("%s: %s:%d is not the endpoint of a DB cluster", r.name, endpoint.Host, endpoint.Port)
	}
	kept, err := r.recall()
	if err != nil {
		return err
	}
	green := endpoint.Cluster != r.Blue
	if kept.Names == nil {
		if !green { // nothing was renamed
			return nil
		}
		if kept.Names, err = r.pair(ctx, endpoint.Cluster); err != nil {
			return err
		}
		if err := r.keep(kept); err != nil {
			return err
		}
	}
	return r.arrange(ctx, kept.Names, green)
}

// Restore gives everything the name that it had before the first Point.
func (r *Rename) Restore(ctx context.Context) error {
	kept, err := r.recall()
	if err != nil || kept.Names == nil {
		return err
	}
	if err := r.arrange(ctx, kept.Names, false); err != nil {
		return err
	}
	return r.Forget()
}

// seen is what is there, by resource id.
type seen struct {
	clusters  map[string]*types.DBCluster
	instances map[string]*types.DBInstance
}

// look lists the DB clusters and DB instances of the region.
func (r *Rename) look(ctx context.Context) (there seen, err error) {
	api, err := r.api.Open(ctx)
	if err != nil {
		return there, err
	}
	there = seen{map[string]*types.DBCluster{}, map[string]*types.DBInstance{}}
	for pages := rds.NewDescribeDBClustersPaginator(api, &rds.DescribeDBClustersInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return there, r.api.Failed("list the DB clusters", "DescribeDBClusters", err)
		}
		for _, c := range page.DBClusters {
			there.clusters[aws.ToString(c.DbClusterResourceId)] = &c
		}
	}
	for pages := rds.NewDescribeDBInstancesPaginator(api, &rds.DescribeDBInstancesInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return there, r.api.Failed("list the DB instances", "DescribeDBInstances", err)
		}
		for _, i := range page.DBInstances {
			there.instances[aws.ToString(i.DbiResourceId)] = &i
		}
	}
	return there, nil
}

// of returns what n is called now, its status and the name that it will have, "" where it keeps its own. An identifier of "" says that it is gone.
func (s seen) of(n named) (identifier, status, coming string) {
	if n.Instance {
		if i := s.instances[n.Resource]; i != nil {
			if i.PendingModifiedValues != nil {
				coming = aws.ToString(i.PendingModifiedValues.DBInstanceIdentifier)
			}
			return aws.ToString(i.DBInstanceIdentifier), aws.ToString(i.DBInstanceStatus), coming
		}
		return "", "", ""
	}
	if c := s.clusters[n.Resource]; c != nil {
		if c.PendingModifiedValues != nil {
			coming = aws.ToString(c.PendingModifiedValues.DBClusterIdentifier)
		}
		return aws.ToString(c.DBClusterIdentifier), aws.ToString(c.Status), coming
	}
	return "", "", ""
}

// holder is the resource id of the DB cluster, or DB instance, that has an identifier now, "" where none has.
func (s seen) holder(instance bool, identifier string) string {
	for resource, c := range s.clusters {
		if !instance && strings.EqualFold(aws.ToString(c.DBClusterIdentifier), identifier) {
			return resource
		}
	}
	for resource, i := range s.instances {
		if instance && strings.EqualFold(aws.ToString(i.DBInstanceIdentifier), identifier) {
			return resource
		}
	}
	return ""
}

// AWS is asked soon at first, and then more seldom.
const (
	firstLook = 50 * time.Millisecond
	lastLook  = 5 * time.Second
)

// arrange gives everything the name that it has while green, or else blue, has the clients' names. It goes by what is there at each moment, so
// that another process can go on anywhere.
func (r *Rename) arrange(ctx context.Context, names []named, green bool) error {
	waited := []string{"nothing was looked at yet"}
	for pause := firstLook; ; pause = min(pause*3/2, lastLook) {
		there, err := r.look(ctx)
		if err == nil {
			var acted bool
			if acted, waited, err = r.advance(ctx, there, names, green); err == nil && len(waited) == 0 {
				return nil
			}
			if acted {
				pause = firstLook
			}
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fault.WithHint(fmt.Errorf("%s: wait until everything has its name: %s: %w", r.name, strings.Join(waited, ", "), errors.Join(err, ctx.Err())),
				"The same command goes on. To look: aws rds describe-db-clusters")
		case <-time.After(pause):
		}
	}
}

// advance begins every rename whose name is free. It says whether it began one, and what is not as it is to be yet. It is an error when none of that
// will come by itself.
func (r *Rename) advance(ctx context.Context, there seen, names []named, green bool) (acted bool, waited []string, err error) {
	var stuck []string
	moving := false
	for _, n := range names {
		identifier, status, coming := there.of(n)
		wanted, state := n.wanted(green), n.state(status)
		switch {
		case identifier == "" && n.Instance: // readers come and go; its name is nobody's
			continue
		case identifier == "":
			return acted, waited, fault.New(fault.Failed, fmt.Errorf("%s: %s (%s) is gone", r.name, n, n.Resource), "Somebody deleted it.")
		case identifier == wanted && state == rdsstatus.Good:
			continue
		}
		waited = append(waited, fmt.Sprintf("%s is %s, called %q", n, status, identifier))
		if state == rdsstatus.Bad {
			stuck = append(stuck, waited[len(waited)-1])
			continue
		}
		if identifier == wanted || coming == wanted || state != rdsstatus.Good {
			moving = true
			continue
		}
		if holder := there.holder(n.Instance, wanted); holder != "" {
			if !ours(names, holder) {
				return acted, waited, r.taken(n, wanted)
			}
			continue // it leaves
		}
		if err := r.passing(r.rename(ctx, n, identifier, wanted, true)); err != nil {
			return acted, waited, err
		}
		acted = true
	}
	if len(stuck) > 0 && !moving && !acted {
		return acted, waited, fault.New(fault.Failed, fmt.Errorf("%s: it cannot be renamed: %s", r.name, strings.Join(stuck, ", ")),
			"Make it available again: aws rds describe-events says what ails it. Then run the same command again: it goes on where it is.")
	}
	return acted, waited, nil
}

func ours(names []named, resource string) bool {
	for _, n := range names {
		if n.Resource == resource {
			return true
		}
	}
	return false
}

func (r *Rename) taken(n named, identifier string) error {
	return fault.New(fault.Failed, fmt.Errorf("%s: %s is to be called %q, which is somebody else's by now", r.name, n, identifier),
		"Rename or remove what has that name, and run the same command again: it goes on where it is.")
}

// rename has AWS begin a rename, or leave it to a maintenance window.
func (r *Rename) rename(ctx context.Context, n named, from, to string, now bool) error {
	api, err := r.api.Open(ctx)
	if err != nil {
		return err
	}
	doing := fmt.Sprintf("rename %s from %q to %q", n, from, to)
	if n.Instance {
		_, err = api.ModifyDBInstance(ctx, &rds.ModifyDBInstanceInput{
			DBInstanceIdentifier: &from, NewDBInstanceIdentifier: &to, ApplyImmediately: &now,
		})
		if err != nil {
			return r.api.Failed(doing, "ModifyDBInstance", err)
		}
		return nil
	}
	_, err = api.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{
		DBClusterIdentifier: &from, NewDBClusterIdentifier: &to, ApplyImmediately: &now,
	})
	if err != nil {
		return r.api.Failed(doing, "ModifyDBCluster", err)
	}
	return nil
}

// passing is err unless it only says that another look is needed: the rename was begun before, because an answer was lost, or something else is
// done first, or what leaves the name has not left it everywhere.
func (*Rename) passing(err error) error {
	if rdsapi.Is(err, "InvalidDBClusterStateFault", "InvalidDBInstanceState", "DBClusterNotFoundFault", "DBInstanceNotFound",
		"DBClusterAlreadyExistsFault", "DBInstanceAlreadyExists") {
		return nil
	}
	return err
}
