package aurora

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/progress"
)

// Complete gives green blue's readers, scaling, IAM roles, event subscriptions and maintenance window, before it serves. What is there already is
// left as it is. What has to be made by hand is said.
func (a *Aurora) Complete(ctx context.Context, step *progress.Step) error {
	if err := a.begin(ctx, step); err != nil {
		return err
	}
	blue, err := a.needBlue(ctx)
	if err != nil {
		return err
	}
	green, err := a.needGreen(ctx)
	if err != nil {
		return err
	}
	if err := a.carryRoles(ctx, blue, green); err != nil {
		return err
	}
	if err := a.carryWindow(ctx, blue, green, step); err != nil {
		return err
	}
	if err := a.makeReaders(ctx, blue, step); err != nil { // in the end it waits until everything is settled
		return err
	}
	if err := a.carryScaling(ctx, *blue.DBClusterIdentifier, *green.DBClusterIdentifier, step); err != nil {
		return err
	}
	if err := a.joinSubscriptions(ctx, blue, green); err != nil {
		return err
	}
	for _, left := range notCarried(blue) {
		step.Say(left)
	}
	_, err = a.rds.AddTagsToResource(ctx, &rds.AddTagsToResourceInput{ResourceName: green.DBClusterArn, Tags: []types.Tag{tag(tagWhole, "true")}})
	if err != nil {
		return failed("mark as complete DB cluster", *green.DBClusterIdentifier, err)
	}
	return nil
}

// autoscaled begins the names of the readers that Application Auto Scaling makes and removes
// (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Integrating.AutoScaling.html).
const autoscaled = "application-autoscaling-"

// readersOf are blue's readers that green gets, too: not those that come and go with the load.
func readersOf(blue *types.DBCluster, instances []types.DBInstance) (readers []types.DBInstance) {
	for _, i := range instances {
		m := member(blue, *i.DBInstanceIdentifier)
		if m != nil && !aws.ToBool(m.IsClusterWriter) && !strings.HasPrefix(*i.DBInstanceIdentifier, autoscaled) {
			readers = append(readers, i)
		}
	}
	return readers
}

// makeReaders makes readers like blue's: class, zone, promotion tier. All of them begin to come before the first is waited for.
func (a *Aurora) makeReaders(ctx context.Context, blue *types.DBCluster, step *progress.Step) error {
	instances, err := a.instances(ctx, blue)
	if err != nil {
		return err
	}
	readers := readersOf(blue, instances)
	for n, model := range readers {
		input := a.readerInput(&model, n)
		there, err := a.instance(ctx, *input.DBInstanceIdentifier)
		if err != nil {
			return err
		}
		if there != nil {
			continue
		}
		step.Now(fmt.Sprintf("making reader %q like %q", *input.DBInstanceIdentifier, *model.DBInstanceIdentifier))
		if _, err := a.rds.CreateDBInstance(ctx, input); err != nil && !is(err, "DBInstanceAlreadyExists") {
			return failed("create DB instance", *input.DBInstanceIdentifier, err)
		}
	}
	for n, model := range readers {
		if err := a.makeInstance(ctx, a.readerInput(&model, n), step); err != nil {
			return err
		}
	}
	green, err := a.needGreen(ctx)
	if err != nil {
		return err
	}
	return a.settle(ctx, green, step)
}

// readerInput asks for the reader of green's that stands for blue's reader number n. It has the writer's parameter group.
func (a *Aurora) readerInput(model *types.DBInstance, n int) *rds.CreateDBInstanceInput {
	const writers = 1
	input := a.instanceLike(model, a.instanceName(writers+1+n))
	input.DBParameterGroupName = aws.String(a.greenGroup(true).name)
	return input
}

// carryRoles associates blue's IAM roles with green.
func (a *Aurora) carryRoles(ctx context.Context, blue, green *types.DBCluster) error {
	for _, r := range blue.AssociatedRoles {
		same := func(o types.DBClusterRole) bool {
			return aws.ToString(o.RoleArn) == aws.ToString(r.RoleArn) && aws.ToString(o.FeatureName) == aws.ToString(r.FeatureName)
		}
		if slices.ContainsFunc(green.AssociatedRoles, same) {
			continue
		}
		_, err := a.rds.AddRoleToDBCluster(ctx, &rds.AddRoleToDBClusterInput{
			DBClusterIdentifier: green.DBClusterIdentifier, RoleArn: r.RoleArn, FeatureName: r.FeatureName,
		})
		if err != nil && !is(err, "DBClusterRoleAlreadyExists") {
			return failed("associate with green the IAM role", aws.ToString(r.RoleArn), err)
		}
	}
	return nil
}

// carryWindow gives green blue's maintenance window, which a clone cannot be asked for.
func (a *Aurora) carryWindow(ctx context.Context, blue, green *types.DBCluster, step *progress.Step) error {
	window := blue.PreferredMaintenanceWindow
	if window == nil || aws.ToString(window) == aws.ToString(green.PreferredMaintenanceWindow) {
		return nil
	}
	return a.modify(ctx, step, &rds.ModifyDBClusterInput{
		DBClusterIdentifier: green.DBClusterIdentifier, PreferredMaintenanceWindow: window, ApplyImmediately: aws.Bool(true),
	})
}

// notCarried says what blue has and green has to be given by hand.
func notCarried(blue *types.DBCluster) (left []string) {
	say := func(has bool, what string) {
		if has {
			left = append(left, "not carried over: "+what)
		}
	}
	say(len(blue.CustomEndpoints) > 0, "custom endpoints "+strings.Join(blue.CustomEndpoints, ", "))
	say(blue.MasterUserSecret != nil, "that RDS keeps the master user's password in Secrets Manager (aws rds modify-db-cluster --manage-master-user-password)")
	say(aws.ToBool(blue.HttpEndpointEnabled), "the RDS Data API (aws rds enable-http-endpoint)")
	say(blue.ActivityStreamStatus != "" && blue.ActivityStreamStatus != types.ActivityStreamStatusStopped, "the database activity stream")
	say(aws.ToString(blue.GlobalClusterIdentifier) != "", "membership in global database "+aws.ToString(blue.GlobalClusterIdentifier))
	say(len(blue.ReadReplicaIdentifiers) > 0, "read replicas "+strings.Join(blue.ReadReplicaIdentifiers, ", "))
	return left
}
