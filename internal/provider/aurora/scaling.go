package aurora

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/pgteal/pgteal/internal/progress"
)

// scaled is the name that Application Auto Scaling has for a DB cluster.
func scaled(cluster string) string { return "cluster:" + cluster }

// scalingTarget returns the scalable target of a cluster, nil where it has none.
func (a *Aurora) scalingTarget(ctx context.Context, cluster string) (*types.ScalableTarget, error) {
	answer, err := a.scaling.DescribeScalableTargets(ctx, &applicationautoscaling.DescribeScalableTargetsInput{
		ServiceNamespace: types.ServiceNamespaceRds, ResourceIds: []string{scaled(cluster)},
		ScalableDimension: types.ScalableDimensionRDSClusterReadReplicaCount,
	})
	if err != nil {
		return nil, failed("look at the scaling of DB cluster", cluster, err)
	}
	if len(answer.ScalableTargets) == 0 {
		return nil, nil //nolint:nilnil // none is an answer
	}
	return &answer.ScalableTargets[0], nil
}

// carryScaling lets green's readers be scaled as blue's are.
func (a *Aurora) carryScaling(ctx context.Context, blue, green string, step *progress.Step) error {
	target, err := a.scalingTarget(ctx, blue)
	if err != nil || target == nil {
		return err
	}
	_, err = a.scaling.RegisterScalableTarget(ctx, &applicationautoscaling.RegisterScalableTargetInput{
		ServiceNamespace: types.ServiceNamespaceRds, ResourceId: aws.String(scaled(green)), ScalableDimension: target.ScalableDimension,
		MinCapacity: target.MinCapacity, MaxCapacity: target.MaxCapacity, SuspendedState: target.SuspendedState,
	})
	if err != nil {
		return failed("let the readers be scaled of DB cluster", green, err)
	}
	pages := applicationautoscaling.NewDescribeScalingPoliciesPaginator(a.scaling, &applicationautoscaling.DescribeScalingPoliciesInput{
		ServiceNamespace: types.ServiceNamespaceRds, ResourceId: target.ResourceId, ScalableDimension: target.ScalableDimension,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return failed("list the scaling policies of DB cluster", blue, err)
		}
		for _, p := range page.ScalingPolicies {
			if p.StepScalingPolicyConfiguration != nil { // its alarms watch blue, and only an operator can say what others should
				step.Say(fmt.Sprintf("not carried over: scaling policy %q, which follows alarms of CloudWatch about blue", aws.ToString(p.PolicyName)))
				continue
			}
			_, err := a.scaling.PutScalingPolicy(ctx, &applicationautoscaling.PutScalingPolicyInput{
				PolicyName: p.PolicyName, ServiceNamespace: p.ServiceNamespace, ResourceId: aws.String(scaled(green)), ScalableDimension: p.ScalableDimension,
				PolicyType: p.PolicyType, TargetTrackingScalingPolicyConfiguration: p.TargetTrackingScalingPolicyConfiguration,
				PredictiveScalingPolicyConfiguration: p.PredictiveScalingPolicyConfiguration,
			})
			if err != nil {
				return failed("carry over the scaling policy", aws.ToString(p.PolicyName), err)
			}
		}
	}
	return nil
}

// removeScaling ends the scaling of a cluster that goes, and its policies with it.
func (a *Aurora) removeScaling(ctx context.Context, cluster string) error {
	target, err := a.scalingTarget(ctx, cluster)
	if err != nil || target == nil {
		return err
	}
	_, err = a.scaling.DeregisterScalableTarget(ctx, &applicationautoscaling.DeregisterScalableTargetInput{
		ServiceNamespace: types.ServiceNamespaceRds, ResourceId: target.ResourceId, ScalableDimension: target.ScalableDimension,
	})
	if err != nil && !is(err, "ObjectNotFoundException") {
		return failed("end the scaling of DB cluster", cluster, err)
	}
	return nil
}
