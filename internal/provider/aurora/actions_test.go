package aurora

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

func TestACallIsShownWithEverythingThatIsSent(t *testing.T) {
	got := call(&rds.RestoreDBClusterToPointInTimeInput{
		DBClusterIdentifier: aws.String("orders-pg18"), UseLatestRestorableTime: aws.Bool(true), VpcSecurityGroupIds: []string{"sg-1", "sg-2"},
		ServerlessV2ScalingConfiguration: &types.ServerlessV2ScalingConfiguration{MinCapacity: aws.Float64(0.5), MaxCapacity: aws.Float64(8)},
		Tags:                             []types.Tag{tag("team", "or ders"), tag(tagUpgrade, "X")},
	})
	want := "rds: RestoreDBClusterToPointInTime DBClusterIdentifier=orders-pg18 ServerlessV2ScalingConfiguration={MaxCapacity:8 MinCapacity:0.5} " +
		"Tags=team=or ders,pgteal:upgrade=X UseLatestRestorableTime=true VpcSecurityGroupIds=sg-1,sg-2"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
