package aurora

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgtest"
)

// TestGreenIsMadeWholeAndGivenBackOrLetGo makes green all that blue is beside the data, and then takes the one end and the other.
func TestGreenIsMadeWholeAndGivenBackOrLetGo(t *testing.T) {
	f := stage(t)
	ctx := t.Context()
	f.furnish(t)
	blue := f.blue(t, f.provider())
	build := func() {
		t.Helper()
		if _, err := f.provider().Clone(ctx, blue, f.step()); err != nil {
			t.Fatal(err)
		}
		if err := f.provider().Upgrade(ctx, blue, f.step()); err != nil {
			t.Fatal(err)
		}
		if err := f.provider().Complete(ctx, f.step()); err != nil {
			t.Fatal(err)
		}
	}
	build()
	f.isWhole(t)
	must(t)(f.api.CreateDBCluster(ctx, &rds.CreateDBClusterInput{ // somebody's, with our parameter group
		DBClusterIdentifier: aws.String("theirs"), Engine: aws.String(engine), EngineVersion: aws.String(f.latest(t, to)),
		MasterUsername: aws.String("postgres"), MasterUserPassword: aws.String(password), DBClusterParameterGroupName: aws.String("orders-pg18"),
	}))
	f.becomes(t, "theirs", "available")
	if err := f.provider().Discard(ctx); err == nil || !strings.Contains(fault.HintOf(err), "Something else uses the parameter group") {
		t.Errorf("got %v\nhint %s", err, fault.HintOf(err))
	}
	must(t)(f.api.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: aws.String("theirs"), SkipFinalSnapshot: aws.Bool(true)}))
	pgtest.Eventually(t, limit, "theirs is gone", func() bool { return f.cluster(t, "theirs") == nil })
	if err := f.provider().Discard(ctx); err != nil {
		t.Fatal(err)
	}
	if f.cluster(t, "orders-pg18") != nil || len(f.sources(t)) != 1 || f.scaled(t, "orders-pg18") {
		t.Errorf("something is left: %v", f.sources(t))
	}
	if arn, err := f.opened(t).groupARN(ctx, group{name: "orders-pg18"}); arn != "" || err != nil {
		t.Errorf("the parameter group is left: %s, %v", arn, err)
	}
	if blue := f.cluster(t, "orders"); len(blue.DBClusterMembers) != 2 || len(blue.AssociatedRoles) != 1 || !f.scaled(t, "orders") {
		t.Errorf("blue is not what it was: %+v", blue)
	}

	build()
	must(t)(f.api.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: aws.String("orders-pg18"), DeletionProtection: aws.Bool(true)}))
	if err := f.provider().Discard(ctx); fault.KindOf(err) != fault.Forbidden || !strings.Contains(fault.HintOf(err), "--no-deletion-protection") {
		t.Errorf("got %v\nhint %s", err, fault.HintOf(err))
	}
	f.becomes(t, "orders-pg18", "available")
	must(t)(f.api.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: aws.String("orders-pg18"), DeletionProtection: aws.Bool(false)}))
	for range 2 {
		if err := f.provider().Tidy(ctx); err != nil {
			t.Fatal(err)
		}
	}
	green := f.cluster(t, "orders-pg18")
	if !aws.ToBool(green.DeletionProtection) || len(green.TagList) != 1 {
		t.Errorf("green is not let go: protected %v, tags %v", aws.ToBool(green.DeletionProtection), green.TagList)
	}
	if err := f.provider().Discard(ctx); err != nil || f.cluster(t, "orders-pg18") == nil {
		t.Errorf("a green that was let go is removed: %v", err)
	}
}

// furnish gives blue a reader, a role, scaling, and an event subscription.
func (f *scene) furnish(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	must(t)(f.api.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("orders-b"), DBClusterIdentifier: aws.String("orders"), Engine: aws.String(engine),
		DBInstanceClass: aws.String("db.t4g.medium"), PromotionTier: aws.Int32(7), AvailabilityZone: aws.String("eu-west-1c"),
	}))
	f.instanceBecomes(t, "orders-b", "available")
	must(t)(f.api.AddRoleToDBCluster(ctx, &rds.AddRoleToDBClusterInput{
		DBClusterIdentifier: aws.String("orders"), RoleArn: aws.String("arn:aws:iam::123456789012:role/import"), FeatureName: aws.String("s3Import"),
	}))
	must(t)(f.api.CreateEventSubscription(ctx, &rds.CreateEventSubscriptionInput{
		SubscriptionName: aws.String("pager"), SnsTopicArn: aws.String("arn:aws:sns:eu-west-1:123456789012:pager"), SourceType: aws.String(sourceCluster),
		SourceIds: []string{"orders"},
	}))
	api := applicationautoscaling.NewFromConfig(f.Config())
	must(t)(api.RegisterScalableTarget(ctx, &applicationautoscaling.RegisterScalableTargetInput{
		ServiceNamespace: scaling.ServiceNamespaceRds, ResourceId: aws.String(scaled("orders")),
		ScalableDimension: scaling.ScalableDimensionRDSClusterReadReplicaCount, MinCapacity: aws.Int32(1), MaxCapacity: aws.Int32(5),
	}))
	must(t)(api.PutScalingPolicy(ctx, &applicationautoscaling.PutScalingPolicyInput{
		PolicyName: aws.String("cpu"), ServiceNamespace: scaling.ServiceNamespaceRds, ResourceId: aws.String(scaled("orders")),
		ScalableDimension: scaling.ScalableDimensionRDSClusterReadReplicaCount, PolicyType: scaling.PolicyTypeTargetTrackingScaling,
		TargetTrackingScalingPolicyConfiguration: &scaling.TargetTrackingScalingPolicyConfiguration{
			TargetValue:                   aws.Float64(60),
			PredefinedMetricSpecification: &scaling.PredefinedMetricSpecification{PredefinedMetricType: scaling.MetricTypeRDSReaderAverageCPUUtilization},
		},
	}))
}

// isWhole sees that green has what furnish gave blue.
func (f *scene) isWhole(t *testing.T) {
	t.Helper()
	green := f.cluster(t, "orders-pg18")
	if len(green.AssociatedRoles) != 1 || aws.ToString(green.AssociatedRoles[0].FeatureName) != "s3Import" {
		t.Errorf("green has the roles %+v", green.AssociatedRoles)
	}
	answer, err := f.api.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("orders-pg18-2")})
	if err != nil {
		t.Fatal(err)
	}
	r := answer.DBInstances[0]
	if *r.DBInstanceClass != "db.t4g.medium" || *r.PromotionTier != 7 || *r.AvailabilityZone != "eu-west-1c" || *r.DBInstanceStatus != "available" ||
		*r.DBParameterGroups[0].DBParameterGroupName != "orders-pg18" {
		t.Errorf("green's reader is %s, tier %d, in %s, %s", *r.DBInstanceClass, *r.PromotionTier, *r.AvailabilityZone, *r.DBInstanceStatus)
	}
	if got := f.sources(t); len(got) != 2 || !f.scaled(t, "orders-pg18") {
		t.Errorf("the event subscription is about %v", got)
	}
}

// opened is a provider with its clients made.
func (f *scene) opened(t *testing.T) *Aurora {
	t.Helper()
	a := f.provider()
	if err := a.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

// sources are what the event subscription is about.
func (f *scene) sources(t *testing.T) []string {
	t.Helper()
	all, err := f.opened(t).eventSubscriptions(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	return all[0].SourceIdsList
}

// scaled tells whether the readers of a cluster are scaled by the policy.
func (f *scene) scaled(t *testing.T, cluster string) bool {
	t.Helper()
	a := f.opened(t)
	target, err := a.scalingTarget(t.Context(), cluster)
	if err != nil {
		t.Fatal(err)
	}
	policies, err := a.scaling.DescribeScalingPolicies(t.Context(), &applicationautoscaling.DescribeScalingPoliciesInput{
		ServiceNamespace: scaling.ServiceNamespaceRds, ResourceId: aws.String(scaled(cluster)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return target != nil && *target.MaxCapacity == 5 && len(policies.ScalingPolicies) == 1
}
