package simulator_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
)

func TestFaults(t *testing.T) {
	f := start(t)
	list := func() error {
		_, err := f.api.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{})
		return err
	}
	f.Fail(simulator.Fault{Action: "DescribeDBClusters", After: 1, Times: 2, Code: "Throttling"})
	for i, wanted := range []string{"", "Throttling", "Throttling", ""} {
		if got := code(list()); got != wanted {
			t.Errorf("call %d: %q, wanted %q", i, got, wanted)
		}
	}
	f.Fail(simulator.Fault{Code: "ExpiredToken"})
	if got := code(list()); got != "ExpiredToken" {
		t.Errorf("expired credentials: %q", got)
	}
	f.Fail(simulator.Fault{Action: "DescribeDBClusters", Cut: true})
	if err := list(); err == nil {
		t.Error("an answer that was cut off is whole")
	}

	group := aws.String("made")
	create := func() error {
		_, err := f.api.CreateDBParameterGroup(t.Context(), &rds.CreateDBParameterGroupInput{
			DBParameterGroupName: group, DBParameterGroupFamily: aws.String("aurora-postgresql15"), Description: group,
		})
		return err
	}
	f.Fail(simulator.Fault{Action: "CreateDBParameterGroup", Code: "InternalFailure", Afterwards: true})
	if first, second := code(create()), code(create()); first != "InternalFailure" || second != "DBParameterGroupAlreadyExists" {
		t.Errorf("a call whose answer is lost: %q, then %q", first, second)
	}

	f.Fail(simulator.Fault{Action: "CreateDBInstance", After: 1, Ends: "incompatible-parameters"})
	f.Fail(simulator.Fault{Action: "ModifyDBCluster", Stuck: "modifying"})
	f.cluster(t, "orders", "15")
	_, err := f.api.CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("orders-2"), DBClusterIdentifier: aws.String("orders"), Engine: aws.String("aurora-postgresql"),
		DBInstanceClass: aws.String("db.r6g.large"),
	})
	if err != nil {
		t.Fatal(err)
	}
	f.instanceStatus(t, "orders-2", "incompatible-parameters")
	_, err = f.api.ModifyDBCluster(t.Context(), &rds.ModifyDBClusterInput{
		DBClusterIdentifier: aws.String("orders"), BackupRetentionPeriod: aws.Int32(7), ApplyImmediately: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	f.status(t, "orders", "modifying")
	f.Mend()
	f.status(t, "orders", "available")

	conn := f.connect(t, "orders", "shop")
	if err := f.Cut("orders"); err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, time.Minute, "the session is broken", func() bool { return conn.Ping(t.Context()) != nil })
	f.connect(t, "orders", "shop")

	calls := f.Calls()
	at := slices.IndexFunc(calls, func(c simulator.Call) bool { return c.Action == "CreateDBCluster" })
	if at < 0 || calls[at].Input["DBClusterIdentifier"] != "orders" || calls[at].Input["MasterUserPassword"] != "" || calls[at].Error != "" {
		t.Errorf("calls: %+v", calls)
	}
}
