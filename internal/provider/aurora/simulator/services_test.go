package simulator_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scalingtypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
)

func TestEC2ShowsSecurityGroups(t *testing.T) {
	f := start(t)
	api := ec2.NewFromConfig(f.Config())
	f.Rules("sg-1", simulator.Rule{Protocol: "tcp", From: 5432, To: 5433, CIDR: "10.0.0.0/8"},
		simulator.Rule{Egress: true, Protocol: "-1", From: -1, To: -1, Group: "sg-2", Peering: "pcx-1"})
	f.Peer(simulator.Peering{ID: "pcx-1", VPC: "vpc-2", Status: "active"})
	groups, err := api.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{"sg-1"}})
	if err != nil || len(groups.SecurityGroups) != 1 {
		t.Fatalf("%+v, %v", groups, err)
	}
	g := groups.SecurityGroups[0]
	if in := g.IpPermissions[0]; *in.FromPort != 5432 || *in.ToPort != 5433 || *in.IpRanges[0].CidrIp != "10.0.0.0/8" {
		t.Errorf("%+v", in)
	}
	if out := g.IpPermissionsEgress[0]; *out.IpProtocol != "-1" || out.FromPort != nil || *out.UserIdGroupPairs[0].VpcPeeringConnectionId != "pcx-1" {
		t.Errorf("%+v", out)
	}
	rules, err := api.DescribeSecurityGroupRules(t.Context(), &ec2.DescribeSecurityGroupRulesInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{"sg-1"}}},
	})
	if err != nil || len(rules.SecurityGroupRules) != 2 || *rules.SecurityGroupRules[1].ReferencedGroupInfo.GroupId != "sg-2" ||
		!*rules.SecurityGroupRules[1].IsEgress {
		t.Errorf("%+v, %v", rules, err)
	}
	peerings, err := api.DescribeVpcPeeringConnections(t.Context(), &ec2.DescribeVpcPeeringConnectionsInput{VpcPeeringConnectionIds: []string{"pcx-1"}})
	if err != nil || peerings.VpcPeeringConnections[0].Status.Code != "active" || *peerings.VpcPeeringConnections[0].AccepterVpcInfo.VpcId != "vpc-2" {
		t.Errorf("%+v, %v", peerings, err)
	}
	subnets, err := api.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{})
	if err != nil || len(subnets.Subnets) != 3 {
		t.Errorf("%+v, %v", subnets, err)
	}
	_, err = api.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{"sg-none"}})
	if code(err) != "InvalidGroup.NotFound" {
		t.Error(err)
	}
}

func TestSecretsManagerAndScaling(t *testing.T) {
	f := start(t)
	arn := f.PutSecret("orders", map[string]string{"username": "postgres", "password": "hidden"})
	secrets := secretsmanager.NewFromConfig(f.Config())
	secret, err := secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &arn})
	if err != nil || !strings.Contains(*secret.SecretString, "hidden") || secret.CreatedDate == nil {
		t.Errorf("%v", err)
	}
	_, err = secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("none")})
	if code(err) != "ResourceNotFoundException" {
		t.Error(err)
	}

	api := scaling.NewFromConfig(f.Config())
	id := aws.String("cluster:orders")
	namespace, dimension := scalingtypes.ServiceNamespaceRds, scalingtypes.ScalableDimensionRDSClusterReadReplicaCount
	_, err = api.RegisterScalableTarget(t.Context(), &scaling.RegisterScalableTargetInput{
		ServiceNamespace: namespace, ScalableDimension: dimension, ResourceId: id, MinCapacity: aws.Int32(1), MaxCapacity: aws.Int32(3),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = api.PutScalingPolicy(t.Context(), &scaling.PutScalingPolicyInput{
		ServiceNamespace: namespace, ScalableDimension: dimension, ResourceId: id, PolicyName: aws.String("cpu"),
		PolicyType: scalingtypes.PolicyTypeTargetTrackingScaling,
		TargetTrackingScalingPolicyConfiguration: &scalingtypes.TargetTrackingScalingPolicyConfiguration{
			TargetValue: aws.Float64(40), PredefinedMetricSpecification: &scalingtypes.PredefinedMetricSpecification{
				PredefinedMetricType: scalingtypes.MetricTypeRDSReaderAverageCPUUtilization,
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	policies, err := api.DescribeScalingPolicies(t.Context(), &scaling.DescribeScalingPoliciesInput{ServiceNamespace: namespace, ResourceId: id})
	if err != nil || len(policies.ScalingPolicies) != 1 || *policies.ScalingPolicies[0].TargetTrackingScalingPolicyConfiguration.TargetValue != 40 {
		t.Errorf("%+v, %v", policies, err)
	}
	targets, err := api.DescribeScalableTargets(t.Context(), &scaling.DescribeScalableTargetsInput{ServiceNamespace: namespace, ResourceIds: []string{*id}})
	if err != nil || len(targets.ScalableTargets) != 1 || *targets.ScalableTargets[0].MaxCapacity != 3 {
		t.Errorf("%+v, %v", targets, err)
	}
}
