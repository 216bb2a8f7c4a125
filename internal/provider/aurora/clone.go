package aurora

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider"
	"github.com/pgteal/pgteal/internal/rdsstatus"
)

const copyOnWrite = "copy-on-write"

// Clone makes green's parameter groups, a copy-on-write clone of blue, and its writer. What is there already is kept: a clone that this upgrade
// began is always younger than its slots.
func (a *Aurora) Clone(ctx context.Context, server *postgres.Server, step *progress.Step) (provider.Clone, error) {
	begun := time.Now()
	if err := a.begin(ctx, step); err != nil {
		return provider.Clone{}, err
	}
	blue, err := a.needBlue(ctx)
	if err != nil {
		return provider.Clone{}, err
	}
	path, err := a.path(ctx, aws.ToString(blue.EngineVersion))
	if err != nil {
		return provider.Clone{}, err
	}
	if len(path) == 0 {
		return provider.Clone{}, fault.New(fault.Usage, fmt.Errorf("blue has the version wanted, %s", *blue.EngineVersion), "Correct `to`.")
	}
	green, err := a.green(ctx)
	if err != nil {
		return provider.Clone{}, err
	}
	if err := a.makeGroups(ctx, blue, server, path[len(path)-1], step); err != nil {
		return provider.Clone{}, err
	}
	silenced, err := a.makeSilence(ctx, blue, step)
	if err != nil {
		return provider.Clone{}, err
	}
	appear := time.Duration(0)
	if green == nil {
		if err := a.restore(ctx, blue, silenced); err != nil {
			return provider.Clone{}, err
		}
		appear = a.limits.appear
	}
	if err := a.awaitCluster(ctx, step, a.config.GreenCluster(), appear); err != nil {
		return provider.Clone{}, err
	}
	if err := a.makeWriter(ctx, blue, silenced, step); err != nil {
		return provider.Clone{}, err
	}
	return provider.Clone{Method: copyOnWrite, Seconds: time.Since(begun).Seconds()}, nil
}

// restore has AWS begin the clone.
func (a *Aurora) restore(ctx context.Context, blue *types.DBCluster, with silenced) error {
	input := a.restoreInput(blue, with)
	_, err := a.rds.RestoreDBClusterToPointInTime(ctx, input)
	if is(err, "DBClusterAlreadyExistsFault") { // a try that AWS did not answer has made it, or somebody else
		switch green, err := a.green(ctx); {
		case err != nil:
			return err
		case green == nil:
			return taken(fmt.Sprintf("DB cluster %q", *input.DBClusterIdentifier))
		default:
			return nil
		}
	}
	if err != nil {
		return failed("clone blue as DB cluster", *input.DBClusterIdentifier, err)
	}
	return nil
}

// restoreInput asks for a clone that is what blue is: network, encryption, authentication, logs, scaling, tags. It is not protected from deletion,
// so that abort can remove it.
func (a *Aurora) restoreInput(blue *types.DBCluster, with silenced) *rds.RestoreDBClusterToPointInTimeInput {
	input := &rds.RestoreDBClusterToPointInTimeInput{
		DBClusterIdentifier:             aws.String(a.config.GreenCluster()),
		SourceDBClusterIdentifier:       blue.DBClusterIdentifier,
		RestoreType:                     aws.String(copyOnWrite),
		UseLatestRestorableTime:         aws.Bool(true),
		DBSubnetGroupName:               blue.DBSubnetGroup,
		VpcSecurityGroupIds:             groupsOf(blue),
		Port:                            blue.Port,
		NetworkType:                     blue.NetworkType,
		DBClusterParameterGroupName:     with.ofCluster(),
		KmsKeyId:                        blue.KmsKeyId,
		EnableIAMDatabaseAuthentication: blue.IAMDatabaseAuthenticationEnabled,
		EnableCloudwatchLogsExports:     blue.EnabledCloudwatchLogsExports,
		CopyTagsToSnapshot:              blue.CopyTagsToSnapshot,
		BackupRetentionPeriod:           blue.BackupRetentionPeriod,
		PreferredBackupWindow:           blue.PreferredBackupWindow,
		StorageType:                     blue.StorageType,
		EngineLifecycleSupport:          blue.EngineLifecycleSupport,
		DeletionProtection:              aws.Bool(false),
		Tags: a.tagsLike(blue.TagList, tag(tagBlue, aws.ToString(blue.DbClusterResourceId)),
			tag(tagProtect, fmt.Sprint(aws.ToBool(blue.DeletionProtection)))),
	}
	if s := blue.ServerlessV2ScalingConfiguration; s != nil {
		input.ServerlessV2ScalingConfiguration = &types.ServerlessV2ScalingConfiguration{
			MinCapacity: s.MinCapacity, MaxCapacity: s.MaxCapacity, SecondsUntilAutoPause: s.SecondsUntilAutoPause,
		}
	}
	if len(blue.DomainMemberships) > 0 {
		input.Domain, input.DomainIAMRoleName = blue.DomainMemberships[0].Domain, blue.DomainMemberships[0].IAMRoleName
	}
	return input
}

func groupsOf(c *types.DBCluster) (ids []string) {
	for _, g := range c.VpcSecurityGroups {
		ids = append(ids, aws.ToString(g.VpcSecurityGroupId))
	}
	return ids
}

// makeWriter makes the clone's only instance, like blue's writer.
func (a *Aurora) makeWriter(ctx context.Context, blue *types.DBCluster, with silenced, step *progress.Step) error {
	instances, err := a.instances(ctx, blue)
	if err != nil {
		return err
	}
	model := writer(blue, instances)
	if model == nil {
		return fmt.Errorf("DB cluster %q has no writer", *blue.DBClusterIdentifier)
	}
	return a.makeInstance(ctx, a.writerInput(model, with), step)
}

// writerInput asks for the clone's writer.
func (a *Aurora) writerInput(model *types.DBInstance, with silenced) *rds.CreateDBInstanceInput {
	input := a.instanceLike(model, a.instanceName(1))
	if class := a.config.Aurora.InstanceClass; class != "" {
		input.DBInstanceClass = &class
	}
	input.DBParameterGroupName = with.ofInstances()
	return input
}

// instanceName is the identifier of green's instance n, which has at most 63 characters.
func (a *Aurora) instanceName(n int) string {
	const most, suffix = 63, len("-99")
	name := a.config.GreenCluster()
	return fmt.Sprintf("%s-%d", strings.TrimRight(name[:min(len(name), most-suffix)], "-"), n)
}

// instanceLike asks for an instance of green's that is what model is.
func (a *Aurora) instanceLike(model *types.DBInstance, id string) *rds.CreateDBInstanceInput {
	input := &rds.CreateDBInstanceInput{
		DBInstanceIdentifier:       &id,
		DBClusterIdentifier:        aws.String(a.config.GreenCluster()),
		Engine:                     aws.String(engine),
		DBInstanceClass:            model.DBInstanceClass,
		AvailabilityZone:           model.AvailabilityZone,
		PromotionTier:              model.PromotionTier,
		PubliclyAccessible:         model.PubliclyAccessible,
		AutoMinorVersionUpgrade:    model.AutoMinorVersionUpgrade,
		PreferredMaintenanceWindow: model.PreferredMaintenanceWindow,
		CACertificateIdentifier:    model.CACertificateIdentifier,
		MonitoringInterval:         model.MonitoringInterval,
		MonitoringRoleArn:          model.MonitoringRoleArn,
		EnablePerformanceInsights:  model.PerformanceInsightsEnabled,
		Tags:                       a.tagsLike(model.TagList),
	}
	if aws.ToBool(model.PerformanceInsightsEnabled) {
		input.PerformanceInsightsKMSKeyId = model.PerformanceInsightsKMSKeyId
		input.PerformanceInsightsRetentionPeriod = model.PerformanceInsightsRetentionPeriod
	}
	return input
}

// makeInstance makes an instance where it is not there yet, and waits for it.
func (a *Aurora) makeInstance(ctx context.Context, input *rds.CreateDBInstanceInput, step *progress.Step) error {
	id := *input.DBInstanceIdentifier
	there, err := a.instance(ctx, id)
	appear := time.Duration(0)
	if err == nil && there == nil {
		appear = a.limits.appear
		_, err = a.rds.CreateDBInstance(ctx, input)
		if is(err, "DBInstanceAlreadyExists") { // see restore
			there, err = a.instance(ctx, id)
		} else if err != nil {
			err = failed("create DB instance", id, err)
		}
	}
	if err != nil {
		return err
	}
	if there != nil && !a.ours(there.TagList) {
		return taken(fmt.Sprintf("DB instance %q", id))
	}
	return a.awaitInstance(ctx, step, id, appear)
}

// awaitCluster waits until a DB cluster of pgteal's is available. One that was just made may take appear to show.
func (a *Aurora) awaitCluster(ctx context.Context, step *progress.Step, id string, appear time.Duration) error {
	object, begun := fmt.Sprintf("DB cluster %q", id), time.Now()
	return a.wait(ctx, step, object, "available", a.limits.create, func(ctx context.Context) (look, error) {
		c, err := a.cluster(ctx, id)
		if err != nil {
			return look{}, err
		}
		if c == nil {
			return absent(object, begun, appear)
		}
		return lookAt(aws.ToString(c.Status), rdsstatus.OfCluster), nil
	})
}

// awaitInstance waits until a DB instance of pgteal's is available. One that was just made may take appear to show.
func (a *Aurora) awaitInstance(ctx context.Context, step *progress.Step, id string, appear time.Duration) error {
	object, begun := fmt.Sprintf("DB instance %q", id), time.Now()
	return a.wait(ctx, step, object, "available", a.limits.create, func(ctx context.Context) (look, error) {
		i, err := a.instance(ctx, id)
		if err != nil {
			return look{}, err
		}
		if i == nil {
			return absent(object, begun, appear)
		}
		return lookAt(aws.ToString(i.DBInstanceStatus), rdsstatus.OfInstance), nil
	})
}

// modify changes a cluster, once it is not changed otherwise any more.
func (a *Aurora) modify(ctx context.Context, step *progress.Step, input *rds.ModifyDBClusterInput) error {
	id := *input.DBClusterIdentifier
	object := fmt.Sprintf("DB cluster %q", id)
	return a.wait(ctx, step, object, "free to be changed", a.limits.other, func(ctx context.Context) (look, error) {
		_, err := a.rds.ModifyDBCluster(ctx, input)
		if err == nil {
			return look{done: true}, nil
		}
		if !is(err, "InvalidDBClusterStateFault") {
			return look{}, failed("change DB cluster", id, err)
		}
		c, err := a.cluster(ctx, id)
		if err != nil {
			return look{}, err
		}
		if c == nil {
			return look{}, gone(object)
		}
		now := lookAt(aws.ToString(c.Status), rdsstatus.OfCluster)
		now.done = false
		return now, nil
	})
}

func lookAt(status string, of func(status string) rdsstatus.State) look {
	s := of(status)
	return look{status: status, state: s, done: s == rdsstatus.Good}
}

// absent is what a wait sees where there is nothing to see, yet or any more.
func absent(object string, begun time.Time, appear time.Duration) (look, error) {
	if time.Since(begun) < appear {
		return look{status: "not shown yet", state: rdsstatus.Passing}, nil
	}
	return look{}, gone(object)
}

func gone(object string) error {
	return fault.New(fault.Failed, fmt.Errorf("%s is gone", object), "Somebody deleted it. Blue is untouched: pgteal abort, then prepare again.")
}
