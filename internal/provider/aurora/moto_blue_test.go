package aurora

import (
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// makeBlue makes what stands for blue: a DB cluster with all that green is to get from it, as far as moto has it.
func (s *stand) makeBlue(t *testing.T) {
	t.Helper()
	ctx, orders, family := t.Context(), aws.String("orders"), aws.String("aurora-postgresql15")
	s.makeNetwork(t)
	must(t)(s.rds.CreateDBClusterParameterGroup(ctx, &rds.CreateDBClusterParameterGroupInput{
		DBClusterParameterGroupName: orders, DBParameterGroupFamily: family, Description: orders,
	}))
	must(t)(s.rds.CreateDBParameterGroup(ctx, &rds.CreateDBParameterGroupInput{
		DBParameterGroupName: orders, DBParameterGroupFamily: family, Description: orders,
	}))
	must(t)(s.rds.ModifyDBParameterGroup(ctx, &rds.ModifyDBParameterGroupInput{
		DBParameterGroupName: orders, Parameters: []types.Parameter{parameter("work_mem", "4096")},
	}))
	s.makeCluster(t, "orders")
	must(t)(s.secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: orders, SecretString: aws.String(`{"username": "postgres", "password": "` + password + `"}`),
	}))
	s.makeScaling(t)
}

// makeCluster makes a DB cluster with a writer and a reader.
func (s *stand) makeCluster(t *testing.T, id string) {
	t.Helper()
	ctx, orders := t.Context(), aws.String("orders")
	must(t)(s.rds.CreateDBCluster(ctx, &rds.CreateDBClusterInput{
		DBClusterIdentifier: &id, Engine: aws.String(engine), EngineVersion: aws.String("15.3"), MasterUsername: aws.String("postgres"),
		MasterUserPassword: aws.String(password), DBSubnetGroupName: orders, VpcSecurityGroupIds: []string{s.group}, Port: aws.Int32(5432),
		DBClusterParameterGroupName: orders, StorageEncrypted: aws.Bool(true), EnableIAMDatabaseAuthentication: aws.Bool(true),
		EnableCloudwatchLogsExports: []string{"postgresql"}, CopyTagsToSnapshot: aws.Bool(true), BackupRetentionPeriod: aws.Int32(7),
		ServerlessV2ScalingConfiguration: &types.ServerlessV2ScalingConfiguration{MinCapacity: aws.Float64(0.5), MaxCapacity: aws.Float64(8)},
		PreferredMaintenanceWindow:       aws.String("sun:04:00-sun:04:30"), Tags: []types.Tag{tag("team", "orders")},
	}))
	for _, name := range []string{id + "-a", id + "-b"} {
		must(t)(s.rds.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
			DBInstanceIdentifier: &name, DBClusterIdentifier: &id, Engine: aws.String(engine), DBInstanceClass: aws.String("db.r6g.large"),
			DBParameterGroupName: orders, PromotionTier: aws.Int32(2), EnablePerformanceInsights: aws.Bool(true),
		}))
	}
}

// makeNetwork makes a DB subnet group and a security group.
func (s *stand) makeNetwork(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	vpc, err := s.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	for i, zone := range []string{"a", "b"} {
		made, err := s.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{
			VpcId: vpc.Vpc.VpcId, CidrBlock: aws.String("10.0." + strconv.Itoa(i) + ".0/24"), AvailabilityZone: aws.String("eu-west-1" + zone),
		})
		if err != nil {
			t.Fatal(err)
		}
		s.subnets = append(s.subnets, *made.Subnet.SubnetId)
	}
	must(t)(s.rds.CreateDBSubnetGroup(ctx, &rds.CreateDBSubnetGroupInput{
		DBSubnetGroupName: aws.String("orders"), DBSubnetGroupDescription: aws.String("orders"), SubnetIds: s.subnets,
	}))
	made, err := s.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		VpcId: vpc.Vpc.VpcId, GroupName: aws.String("orders"), Description: aws.String("orders"),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.group = *made.GroupId
}

// makeScaling lets blue's readers be scaled.
func (s *stand) makeScaling(t *testing.T) {
	t.Helper()
	id, dimension := aws.String(scaled("orders")), scaling.ScalableDimensionRDSClusterReadReplicaCount
	must(t)(s.scaling.RegisterScalableTarget(t.Context(), &applicationautoscaling.RegisterScalableTargetInput{
		ServiceNamespace: scaling.ServiceNamespaceRds, ResourceId: id, ScalableDimension: dimension, MinCapacity: aws.Int32(1), MaxCapacity: aws.Int32(3),
	}))
	must(t)(s.scaling.PutScalingPolicy(t.Context(), &applicationautoscaling.PutScalingPolicyInput{
		ServiceNamespace: scaling.ServiceNamespaceRds, ResourceId: id, ScalableDimension: dimension, PolicyName: aws.String("readers"),
		PolicyType: scaling.PolicyTypeTargetTrackingScaling,
		TargetTrackingScalingPolicyConfiguration: &scaling.TargetTrackingScalingPolicyConfiguration{
			TargetValue: aws.Float64(60),
			PredefinedMetricSpecification: &scaling.PredefinedMetricSpecification{
				PredefinedMetricType: scaling.MetricTypeRDSReaderAverageCPUUtilization,
			},
		},
	}))
}
