package aurora

import (
	"os"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/progress"
)

// TestAnEmulatorThatWeDidNotWriteTakesTheCalls makes the calls to the API at PGTEAL_MOTO: a moto server
// (https://docs.getmoto.org/en/latest/docs/server_mode.html; Debian's python3-moto), which has no databases and no engine versions.
func TestAnEmulatorThatWeDidNotWriteTakesTheCalls(t *testing.T) {
	url := os.Getenv("PGTEAL_MOTO")
	if url == "" {
		t.Skip("PGTEAL_MOTO names no moto server")
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_CONFIG_FILE": "/nowhere",
		"AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
	} {
		t.Setenv(name, value)
	}
	c, err := config.Parse([]byte("upgrade: orders\nto: 16\nprovider: aurora\naurora: {region: eu-west-1, cluster: orders}\nfinish: {blue: delete}\n"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, step := t.Context(), progress.Reporter(func(e progress.Event) { t.Log(e.Message, e.Doing) }).Step("test")
	a := New(c, "")
	a.Own("UPGRADE1")
	if err := a.open(ctx); err != nil {
		t.Fatal(err)
	}
	a.emulateBlue(t)
	blue, err := a.needBlue(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, ofInstance := range []bool{false, true} {
		g := a.greenGroup(ofInstance)
		if err := a.createGroup(ctx, g, "aurora-postgresql16", a.tagsLike(blue.TagList)); err != nil {
			t.Fatal(err)
		}
		if ofInstance { // for clusters moto has no such action
			if err := a.fill(ctx, content{g, []types.Parameter{parameter("work_mem", "8192")}, nil}, step); err != nil {
				t.Fatal(err)
			}
		}
		if arn, err := a.ownGroup(ctx, g); ofInstance && (err != nil || arn == "") { // nor tags of theirs
			t.Errorf("%s: %q, %v", g, arn, err)
		}
		if _, err := a.setIn(ctx, g); err != nil {
			t.Error(err)
		}
	}
	silenced, err := a.silence(ctx, blue)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.restore(ctx, blue, silenced); err != nil {
		t.Fatal(err)
	}
	if err := a.awaitCluster(ctx, step, "orders-pg16", 0); err != nil {
		t.Fatal(err)
	}
	if err := a.makeWriter(ctx, blue, silenced, step); err != nil {
		t.Fatal(err)
	}
	green, err := a.needGreen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	must(t)(a.rds.ModifyDBCluster(ctx, a.upgradeInput("orders-pg16", "15.3", "16.1")))
	if err := a.carryScaling(ctx, "orders", "orders-pg16", step); err != nil {
		t.Error(err)
	}
	if err := a.joinSubscriptions(ctx, blue, green); err != nil {
		t.Error(err)
	}
	if _, err := a.checkNetwork(ctx, blue, nil); err != nil {
		t.Error(err)
	}
	if err := a.discardCluster(ctx, green); err != nil {
		t.Error(err)
	}
	if err := a.deleteGroup(ctx, a.greenGroup(true)); err != nil {
		t.Error(err)
	}
	if did, err := a.Retire(ctx, step); err != nil {
		t.Errorf("%s, %v", did, err)
	}
}

// emulateBlue makes a VPC and a DB cluster with a writer.
func (a *Aurora) emulateBlue(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	vpc, err := a.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	var subnets []string
	for i, zone := range []string{"a", "b"} {
		made, err := a.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{
			VpcId: vpc.Vpc.VpcId, CidrBlock: aws.String("10.0." + strconv.Itoa(i) + ".0/24"), AvailabilityZone: aws.String("eu-west-1" + zone),
		})
		if err != nil {
			t.Fatal(err)
		}
		subnets = append(subnets, *made.Subnet.SubnetId)
	}
	made, err := a.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		VpcId: vpc.Vpc.VpcId, GroupName: aws.String("db"), Description: aws.String("db"), TagSpecifications: []ec2types.TagSpecification{},
	})
	if err != nil {
		t.Fatal(err)
	}
	must(t)(a.rds.CreateDBSubnetGroup(ctx, &rds.CreateDBSubnetGroupInput{
		DBSubnetGroupName: aws.String("db"), DBSubnetGroupDescription: aws.String("db"), SubnetIds: subnets,
	}))
	must(t)(a.rds.CreateDBCluster(ctx, &rds.CreateDBClusterInput{
		DBClusterIdentifier: aws.String("orders"), Engine: aws.String(engine), EngineVersion: aws.String("15.3"), MasterUsername: aws.String("postgres"),
		MasterUserPassword: aws.String(password), DBSubnetGroupName: aws.String("db"), VpcSecurityGroupIds: []string{*made.GroupId},
		Tags: []types.Tag{tag("team", "orders")},
	}))
	must(t)(a.rds.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("orders-a"), DBClusterIdentifier: aws.String("orders"), Engine: aws.String(engine),
		DBInstanceClass: aws.String("db.r6g.large"),
	}))
}
