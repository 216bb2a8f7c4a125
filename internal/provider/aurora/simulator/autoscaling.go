package simulator

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
)

// autoscaling answers the actions of Application Auto Scaling. Nothing is scaled by what is registered.
func (s *Simulator) autoscaling(q *call) (answer, error) {
	return answerJSON(q, map[string]jsonAction{
		"DescribeScalableTargets":  jsonRequest(s.describeScalableTargets),
		"RegisterScalableTarget":   jsonRequest(s.registerScalableTarget),
		"DeregisterScalableTarget": jsonRequest(s.deregisterScalableTarget),
		"DescribeScalingPolicies":  jsonRequest(s.describeScalingPolicies),
		"PutScalingPolicy":         jsonRequest(s.putScalingPolicy),
	})
}

func (s *Simulator) describeScalableTargets(in *applicationautoscaling.DescribeScalableTargetsInput) (
	*applicationautoscaling.DescribeScalableTargetsOutput, error,
) {
	if in.ServiceNamespace == "" {
		return nil, refuseAs("ValidationException", "1 validation error detected: Value null at 'serviceNamespace' failed to satisfy constraint")
	}
	out := &applicationautoscaling.DescribeScalableTargetsOutput{}
	for _, t := range s.world.targetsToScale {
		if t.ServiceNamespace == in.ServiceNamespace && (len(in.ResourceIds) == 0 || slices.Contains(in.ResourceIds, *t.ResourceId)) &&
			(in.ScalableDimension == "" || in.ScalableDimension == t.ScalableDimension) {
			out.ScalableTargets = append(out.ScalableTargets, t)
		}
	}
	return out, nil
}

func (s *Simulator) registerScalableTarget(in *applicationautoscaling.RegisterScalableTargetInput) (
	*applicationautoscaling.RegisterScalableTargetOutput, error,
) {
	if in.ServiceNamespace == "" || in.ResourceId == nil || in.ScalableDimension == "" {
		return nil, refuseAs("ValidationException", "serviceNamespace, resourceId and scalableDimension must be specified")
	}
	at := slices.IndexFunc(s.world.targetsToScale, func(t types.ScalableTarget) bool {
		return t.ServiceNamespace == in.ServiceNamespace && *t.ResourceId == *in.ResourceId && t.ScalableDimension == in.ScalableDimension
	})
	if at < 0 {
		if in.MinCapacity == nil || in.MaxCapacity == nil {
			return nil, refuseAs("ValidationException", "Both minimum and maximum capacity must be specified for a new scalable target")
		}
		arn := "arn:aws:application-autoscaling:" + s.options.Region + ":" + Account + ":scalable-target/" + s.resourceID("target")
		s.world.targetsToScale = append(s.world.targetsToScale, types.ScalableTarget{
			ServiceNamespace: in.ServiceNamespace, ResourceId: in.ResourceId, ScalableDimension: in.ScalableDimension, ScalableTargetARN: &arn,
			RoleARN: or(in.RoleARN, "arn:aws:iam::"+Account+":role/simulated"), CreationTime: ptr(time.Now()),
		})
		at = len(s.world.targetsToScale) - 1
	}
	t := &s.world.targetsToScale[at]
	set(&t.MinCapacity, in.MinCapacity)
	set(&t.MaxCapacity, in.MaxCapacity)
	set(&t.SuspendedState, in.SuspendedState)
	return &applicationautoscaling.RegisterScalableTargetOutput{ScalableTargetARN: t.ScalableTargetARN}, nil
}

func (s *Simulator) deregisterScalableTarget(in *applicationautoscaling.DeregisterScalableTargetInput) (
	*applicationautoscaling.DeregisterScalableTargetOutput, error,
) {
	before := len(s.world.targetsToScale)
	s.world.targetsToScale = slices.DeleteFunc(s.world.targetsToScale, func(t types.ScalableTarget) bool {
		return t.ServiceNamespace == in.ServiceNamespace && *t.ResourceId == value(in.ResourceId) && t.ScalableDimension == in.ScalableDimension
	})
	if len(s.world.targetsToScale) == before {
		return nil, refuseAs("ObjectNotFoundException", "No scalable target found for service namespace: %s, resource ID: %s, scalable dimension: %s",
			in.ServiceNamespace, value(in.ResourceId), in.ScalableDimension)
	}
	s.world.policies = slices.DeleteFunc(s.world.policies, func(p types.ScalingPolicy) bool {
		return p.ServiceNamespace == in.ServiceNamespace && *p.ResourceId == *in.ResourceId && p.ScalableDimension == in.ScalableDimension
	})
	return &applicationautoscaling.DeregisterScalableTargetOutput{}, nil
}

func (s *Simulator) describeScalingPolicies(in *applicationautoscaling.DescribeScalingPoliciesInput) (
	*applicationautoscaling.DescribeScalingPoliciesOutput, error,
) {
	out := &applicationautoscaling.DescribeScalingPoliciesOutput{}
	for _, p := range s.world.policies {
		if p.ServiceNamespace == in.ServiceNamespace && (in.ResourceId == nil || *in.ResourceId == *p.ResourceId) &&
			(len(in.PolicyNames) == 0 || slices.Contains(in.PolicyNames, *p.PolicyName)) {
			out.ScalingPolicies = append(out.ScalingPolicies, p)
		}
	}
	return out, nil
}

func (s *Simulator) putScalingPolicy(in *applicationautoscaling.PutScalingPolicyInput) (*applicationautoscaling.PutScalingPolicyOutput, error) {
	if in.PolicyName == nil || in.ResourceId == nil {
		return nil, refuseAs("ValidationException", "policyName and resourceId must be specified")
	}
	if !slices.ContainsFunc(s.world.targetsToScale, func(t types.ScalableTarget) bool {
		return t.ServiceNamespace == in.ServiceNamespace && *t.ResourceId == *in.ResourceId && t.ScalableDimension == in.ScalableDimension
	}) {
		return nil, refuseAs("ObjectNotFoundException", "No scalable target registered for service namespace: %s, resource ID: %s, scalable dimension: %s",
			in.ServiceNamespace, *in.ResourceId, in.ScalableDimension)
	}
	arn := "arn:aws:autoscaling:" + s.options.Region + ":" + Account + ":scalingPolicy:simulated:resource/rds/" + *in.ResourceId +
		":policyName/" + *in.PolicyName
	s.world.policies = slices.DeleteFunc(s.world.policies, func(p types.ScalingPolicy) bool { return *p.PolicyARN == arn })
	s.world.policies = append(s.world.policies, types.ScalingPolicy{
		PolicyARN: &arn, PolicyName: in.PolicyName, ResourceId: in.ResourceId, ServiceNamespace: in.ServiceNamespace,
		ScalableDimension: in.ScalableDimension, PolicyType: in.PolicyType, CreationTime: ptr(time.Now()),
		TargetTrackingScalingPolicyConfiguration: in.TargetTrackingScalingPolicyConfiguration,
		StepScalingPolicyConfiguration:           in.StepScalingPolicyConfiguration,
	})
	return &applicationautoscaling.PutScalingPolicyOutput{PolicyARN: &arn}, nil
}
