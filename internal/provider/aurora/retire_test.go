package aurora

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/pgteal/pgteal/internal/fault"
)

func TestBlueIsKeptStoppedOrDeletedAfterASnapshot(t *testing.T) {
	f := stage(t)
	ctx := t.Context()
	if f.provider().Retires() == "" {
		t.Error("blue is not kept where nothing is configured")
	}
	f.config.Finish.Blue = "stop"
	for range 2 {
		if did, err := f.provider().Retire(ctx, f.step()); err != nil || !strings.Contains(did, "seven days") {
			t.Fatalf("%s, %v", did, err)
		}
	}
	if status := *f.cluster(t, "orders").Status; status != "stopped" {
		t.Errorf("blue is %s", status)
	}
	must(t)(f.api.StartDBCluster(ctx, &rds.StartDBClusterInput{DBClusterIdentifier: aws.String("orders")}))
	f.becomes(t, "orders", "available")

	f.config.Finish.Blue = "delete"
	if _, err := f.provider().Retire(ctx, f.step()); fault.KindOf(err) != fault.Forbidden || f.cluster(t, "orders") == nil {
		t.Errorf("a protected blue: %v", err)
	}
	must(t)(f.api.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: aws.String("orders"), DeletionProtection: aws.Bool(false)}))
	for range 2 {
		did, err := f.provider().Retire(ctx, f.step())
		if err != nil || !strings.Contains(did, "orders-before-pg18-upgrade1") {
			t.Fatalf("%s, %v", did, err)
		}
	}
	if _, err := f.provider().Blue(ctx, "", ""); fault.KindOf(err) != fault.Failed { // with fault.Usage a finish that was cut off would not go on
		t.Errorf("a blue that is gone: %v", err)
	}
	snapshots, err := f.api.DescribeDBClusterSnapshots(context.WithoutCancel(ctx), &rds.DescribeDBClusterSnapshotsInput{})
	if err != nil || len(snapshots.DBClusterSnapshots) != 1 || *snapshots.DBClusterSnapshots[0].Status != "available" || f.cluster(t, "orders") != nil {
		t.Errorf("the snapshots are %+v, %v", snapshots, err)
	}
}
