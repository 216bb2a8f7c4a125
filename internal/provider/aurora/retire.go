package aurora

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/rdsstatus"
)

// Retires tells whether finish stops or deletes blue.
func (a *Aurora) Retires() string {
	if a.config.Finish.Blue == "keep" {
		return "Blue was kept, as configured (finish.blue)."
	}
	return ""
}

// Retire stops blue, or deletes it once a final snapshot of it is available. AWS starts a stopped DB cluster again after seven days.
func (a *Aurora) Retire(ctx context.Context, step *progress.Step) (string, error) {
	if err := a.begin(ctx, step); err != nil {
		return "", err
	}
	blue, err := a.findBlue(ctx)
	if err != nil {
		return "", err
	}
	if a.config.Finish.Blue != "delete" {
		if blue == nil {
			return "Blue is gone: somebody deleted it.", nil
		}
		id := *blue.DBClusterIdentifier
		return fmt.Sprintf("Blue: DB cluster %q is stopped and can be started again; AWS starts it by itself after seven days.", id), a.stop(ctx, id, step)
	}
	if blue == nil { // an earlier call has come that far
		return fmt.Sprintf("Blue: deleted; its final backup is the snapshot %q.", a.snapshotName(a.config.Aurora.Cluster)), nil
	}
	id := *blue.DBClusterIdentifier
	if aws.ToBool(blue.DeletionProtection) {
		return "", protected(fmt.Sprintf("blue, DB cluster %q,", id), "aws rds modify-db-cluster --db-cluster-identifier "+id+" --no-deletion-protection")
	}
	if rdsstatus.Normal(aws.ToString(blue.Status)) != "deleting" {
		if err := a.snapshot(ctx, blue, step); err != nil {
			return "", err
		}
	}
	instances, err := a.instances(ctx, blue)
	if err != nil {
		return "", err
	}
	if err := a.deleteWithInstances(ctx, id, instances, step); err != nil {
		return "", err
	}
	return fmt.Sprintf("Blue: DB cluster %q is deleted; its final backup is the snapshot %q.", id, a.snapshotName(a.config.Aurora.Cluster)), nil
}

// stop stops a cluster, and returns when it is stopped.
func (a *Aurora) stop(ctx context.Context, id string, step *progress.Step) error {
	object := fmt.Sprintf("DB cluster %q", id)
	return a.wait(ctx, step, object, "stopped", a.limits.other, func(ctx context.Context) (look, error) {
		c, err := a.cluster(ctx, id)
		if err != nil {
			return look{}, err
		}
		if c == nil {
			return look{}, fmt.Errorf("%s is gone", object)
		}
		now := lookAt(aws.ToString(c.Status), rdsstatus.OfCluster)
		switch rdsstatus.Normal(now.status) {
		case "stopped":
			now.state, now.done = rdsstatus.Good, true
		case "stopping":
			now.state = rdsstatus.Passing
		case "available":
			now.done = false
			_, err := a.rds.StopDBCluster(ctx, &rds.StopDBClusterInput{DBClusterIdentifier: &id})
			if err != nil && !is(err, "InvalidDBClusterStateFault") {
				return now, failed("stop DB cluster", id, err)
			}
		}
		return now, nil
	})
}

// snapshotName is the identifier of the final snapshot: the upgrade's id makes it one of its own.
func (a *Aurora) snapshotName(cluster string) string {
	return fmt.Sprintf("%s-before-pg%d-%s", cluster, a.config.To, strings.ToLower(a.upgrade[:min(len(a.upgrade), 8)]))
}

// snapshot makes the final snapshot of blue where it is not there yet, and returns when it is available.
func (a *Aurora) snapshot(ctx context.Context, blue *types.DBCluster, step *progress.Step) error {
	name := a.snapshotName(a.config.Aurora.Cluster)
	object := fmt.Sprintf("snapshot %q", name)
	return a.wait(ctx, step, object, "available", a.limits.upgrade, func(ctx context.Context) (look, error) {
		answer, err := a.rds.DescribeDBClusterSnapshots(ctx, &rds.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: &name})
		if is(err, "DBClusterSnapshotNotFoundFault") || err == nil && len(answer.DBClusterSnapshots) == 0 {
			return a.createSnapshot(ctx, blue, name)
		}
		if err != nil {
			return look{}, failed("look at snapshot", name, err)
		}
		found := answer.DBClusterSnapshots[0]
		if !a.ours(found.TagList) {
			return look{}, taken(object)
		}
		switch status := aws.ToString(found.Status); rdsstatus.Normal(status) {
		case "available":
			return look{status: status, state: rdsstatus.Good, done: true}, nil
		case "creating":
			return look{status: fmt.Sprintf("%s, %d%%", status, aws.ToInt32(found.PercentProgress)), state: rdsstatus.Passing}, nil
		case "failed":
			return look{status: status, state: rdsstatus.Bad}, nil
		default:
			return look{status: status}, nil
		}
	})
}

func (a *Aurora) createSnapshot(ctx context.Context, blue *types.DBCluster, name string) (look, error) {
	_, err := a.rds.CreateDBClusterSnapshot(ctx, &rds.CreateDBClusterSnapshotInput{
		DBClusterIdentifier: blue.DBClusterIdentifier, DBClusterSnapshotIdentifier: &name, Tags: a.tagsLike(blue.TagList),
	})
	if is(err, "InvalidDBClusterStateFault", "DBClusterSnapshotAlreadyExistsFault") { // blue does something else first
		err = nil
	}
	if err != nil {
		return look{}, failed("create snapshot", name, err)
	}
	return look{status: "requested", state: rdsstatus.Passing}, nil
}
