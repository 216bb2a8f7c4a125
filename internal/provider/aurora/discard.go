package aurora

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/rdsstatus"
)

// Discard removes the clone, or green, with everything that this upgrade made for it. What does not bear the upgrade's tag is not touched, and
// what is protected from deletion stays.
func (a *Aurora) Discard(ctx context.Context) error {
	if err := a.begin(ctx, nil); err != nil {
		return err
	}
	green, err := a.green(ctx)
	if err != nil {
		return err
	}
	if green != nil {
		if err := a.discardCluster(ctx, green); err != nil {
			return err
		}
	}
	for _, ofInstance := range []bool{true, false} {
		for _, g := range []group{a.greenGroup(ofInstance), a.cloneGroup(ofInstance)} {
			if err := a.deleteGroup(ctx, g); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Aurora) discardCluster(ctx context.Context, green *types.DBCluster) error {
	id := *green.DBClusterIdentifier
	if aws.ToBool(green.DeletionProtection) {
		return protected(fmt.Sprintf("DB cluster %q", id), "aws rds modify-db-cluster --db-cluster-identifier "+id+" --no-deletion-protection")
	}
	instances, err := a.instances(ctx, green)
	if err != nil {
		return err
	}
	for _, i := range instances {
		if !a.ours(i.TagList) {
			return fault.New(fault.Forbidden, fmt.Errorf("DB instance %q in DB cluster %q is not this upgrade's", *i.DBInstanceIdentifier, id),
				"Somebody made it: remove it, and run the same command again.")
		}
	}
	if err := a.leaveSubscriptions(ctx, green, instances); err != nil {
		return err
	}
	if err := a.removeScaling(ctx, id); err != nil {
		return err
	}
	return a.deleteWithInstances(ctx, id, instances, nil)
}

func protected(object, command string) error {
	return fault.New(fault.Forbidden, fmt.Errorf("%s is protected from deletion", object), "If it is to go: "+command+", then run the same command again.")
}

// deleteWithInstances deletes instances and their cluster, and returns when they are gone.
func (a *Aurora) deleteWithInstances(ctx context.Context, id string, instances []types.DBInstance, step *progress.Step) error {
	for _, i := range slices.Backward(instances) { // the writer last: no reader is to take over
		if _, err := a.deleteInstance(ctx, *i.DBInstanceIdentifier); err != nil {
			return err
		}
	}
	for _, i := range instances {
		name := *i.DBInstanceIdentifier
		err := a.wait(ctx, step, fmt.Sprintf("DB instance %q", name), "deleted", a.limits.upgrade, func(ctx context.Context) (look, error) {
			return a.deleteInstance(ctx, name)
		})
		if err != nil {
			return err
		}
	}
	object := fmt.Sprintf("DB cluster %q", id)
	return a.wait(ctx, step, object, "deleted", a.limits.upgrade, func(ctx context.Context) (look, error) {
		c, err := a.cluster(ctx, id)
		if err != nil || c == nil {
			return look{done: true}, err
		}
		now := look{status: aws.ToString(c.Status), state: rdsstatus.Passing}
		if rdsstatus.Normal(now.status) == "deleting" {
			return now, nil
		}
		_, err = a.rds.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: &id, SkipFinalSnapshot: aws.Bool(true)})
		if is(err, "InvalidDBClusterStateFault", "DBClusterNotFoundFault") { // it does something else first; a protected one was seen before
			return now, nil
		}
		if err != nil {
			return now, failed("delete DB cluster", id, err)
		}
		return now, nil
	})
}

// deleteInstance has AWS delete an instance, as soon as it can, and tells whether it is gone.
func (a *Aurora) deleteInstance(ctx context.Context, id string) (look, error) {
	i, err := a.instance(ctx, id)
	if err != nil || i == nil {
		return look{done: true}, err
	}
	now := look{status: aws.ToString(i.DBInstanceStatus), state: rdsstatus.Passing}
	if rdsstatus.Normal(now.status) == "deleting" {
		return now, nil
	}
	_, err = a.rds.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: &id, SkipFinalSnapshot: aws.Bool(true)})
	if err != nil && !is(err, "InvalidDBInstanceState", "InvalidDBClusterStateFault", "DBInstanceNotFound") {
		return now, failed("delete DB instance", id, err)
	}
	return now, nil
}

// Tidy lets go of green: it is protected from deletion as blue was, and nothing of it bears the upgrade's tag any more.
func (a *Aurora) Tidy(ctx context.Context) error {
	if err := a.begin(ctx, nil); err != nil {
		return err
	}
	green, err := a.green(ctx)
	if err != nil || green == nil {
		return err
	}
	if err := a.deleteCloneGroups(ctx); err != nil {
		return err
	}
	id := *green.DBClusterIdentifier
	if valueOf(green.TagList, tagProtect) == "true" && !aws.ToBool(green.DeletionProtection) {
		err := a.modify(ctx, nil, &rds.ModifyDBClusterInput{
			DBClusterIdentifier: &id, DeletionProtection: aws.Bool(true), ApplyImmediately: aws.Bool(true),
		})
		if err != nil {
			return err
		}
	}
	instances, err := a.instances(ctx, green)
	if err != nil {
		return err
	}
	var arns []string
	for _, ofInstance := range []bool{true, false} {
		arn, err := a.ownGroup(ctx, a.greenGroup(ofInstance))
		if err == nil && arn != "" {
			arns = append(arns, arn)
		} else if err != nil && fault.KindOf(err) != fault.Forbidden { // without the tag: an earlier call was here
			return err
		}
	}
	for _, i := range instances {
		if a.ours(i.TagList) {
			arns = append(arns, aws.ToString(i.DBInstanceArn))
		}
	}
	for _, arn := range append(arns, aws.ToString(green.DBClusterArn)) { // the cluster last: by its tag the rest is found
		if err := a.untag(ctx, arn); err != nil {
			return err
		}
	}
	return nil
}

// untag takes pgteal's tags off something.
func (a *Aurora) untag(ctx context.Context, arn string) error {
	_, err := a.rds.RemoveTagsFromResource(ctx, &rds.RemoveTagsFromResourceInput{
		ResourceName: &arn, TagKeys: []string{tagUpgrade, tagBlue, tagProtect, tagWhole},
	})
	if err != nil {
		return failed("remove pgteal's tags from", arn, err)
	}
	return nil
}
