package simulator_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
)

func TestARenameMovesTheEndpointsAndKeepsSessions(t *testing.T) {
	f := start(t)
	f.cluster(t, "orders", "15", func(in *rds.CreateDBClusterInput) {
		in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("shop")}}
	})
	before := f.describe(t, "orders")
	session := f.connect(t, "orders", "shop")
	_, err := f.api.ModifyDBCluster(t.Context(), &rds.ModifyDBClusterInput{
		DBClusterIdentifier: aws.String("orders"), NewDBClusterIdentifier: aws.String("orders-old"), ApplyImmediately: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	named := func(name string) bool {
		_, err := f.api.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: &name})
		return err == nil
	}
	pgtest.Eventually(t, limit, "the new name is there", func() bool { return named("orders-old") })
	f.status(t, "orders-old", "available")
	after := f.describe(t, "orders-old")
	if *after.Endpoint == *before.Endpoint || len(after.TagList) != 1 || *f.describeInstance(t, "orders-1").DBClusterIdentifier != "orders-old" {
		t.Errorf("after the rename: %+v", after)
	}
	if conn, err := f.try(t, *before.Endpoint, "postgres", "shop"); err == nil {
		_ = conn.Close(t.Context())
		t.Error("the old endpoint takes connections")
	}
	if err := session.Ping(t.Context()); err != nil {
		t.Errorf("a session that stood: %v", err)
	}
	f.connect(t, "orders-old", "shop") // and the certificate is the new endpoint's

	_, err = f.api.ModifyDBCluster(t.Context(), &rds.ModifyDBClusterInput{
		DBClusterIdentifier: aws.String("orders-old"), NewDBClusterIdentifier: aws.String("orders"), ApplyImmediately: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, limit, "the old name is back, and its endpoint", func() bool {
		conn, err := f.try(t, *before.Endpoint, "postgres", "shop")
		if err == nil {
			_ = conn.Close(t.Context())
		}
		return err == nil && named("orders")
	})
	f.status(t, "orders", "available")

	_, err = f.api.ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: aws.String("orders-1"), NewDBInstanceIdentifier: aws.String("old-1"), ApplyImmediately: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, limit, "the instance is renamed and restarted", func() bool {
		out, err := f.api.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("old-1")})
		return err == nil && *out.DBInstances[0].DBInstanceStatus == "available" && session.Ping(t.Context()) != nil
	})
	if m := f.describe(t, "orders").DBClusterMembers; len(m) != 1 || *m[0].DBInstanceIdentifier != "old-1" || !*m[0].IsClusterWriter {
		t.Errorf("members: %+v", m)
	}
}

func TestParametersTakeEffectAsPostgreSQLLetsThem(t *testing.T) {
	f := start(t)
	f.cluster(t, "orders", "15")
	group := f.logical(t, "15")
	_, err := f.api.ModifyDBCluster(t.Context(), &rds.ModifyDBClusterInput{
		DBClusterIdentifier: aws.String("orders"), DBClusterParameterGroupName: &group, ApplyImmediately: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, limit, "it is applied at the next reboot", func() bool {
		c := f.describe(t, "orders")
		return *c.DBClusterMembers[0].DBClusterParameterGroupStatus == "pending-reboot" && *c.DBClusterParameterGroup == group
	})
	f.status(t, "orders", "available")
	if level := one[string](t, f.connect(t, "orders", "shop"), `SHOW wal_level`); level != "replica" {
		t.Errorf("before the reboot wal_level is %s", level)
	}
	_, err = f.api.DeleteDBClusterParameterGroup(t.Context(), &rds.DeleteDBClusterParameterGroupInput{DBClusterParameterGroupName: &group})
	if code(err) != "InvalidDBParameterGroupState" {
		t.Errorf("deletion of a group in use: %v", err)
	}
	if _, err := f.api.RebootDBInstance(t.Context(), &rds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("orders-1")}); err != nil {
		t.Fatal(err)
	}
	f.instanceStatus(t, "orders-1", "available")
	if status := *f.describe(t, "orders").DBClusterMembers[0].DBClusterParameterGroupStatus; status != "in-sync" {
		t.Errorf("after the reboot: %s", status)
	}
	conn := f.connect(t, "orders", "shop")
	if level := one[string](t, conn, `SELECT current_setting('wal_level') || current_setting('rds.logical_replication')`); level != "logical1" {
		t.Errorf("after the reboot wal_level is %s", level)
	}
	f.set(t, group, "log_min_duration_statement", "4321", "immediate")
	pgtest.Eventually(t, limit, "a dynamic parameter is in force", func() bool {
		return one[string](t, conn, `SHOW log_min_duration_statement`) == "4321ms"
	})

	var all []types.Parameter
	pages := rds.NewDescribeDBClusterParametersPaginator(f.api, &rds.DescribeDBClusterParametersInput{DBClusterParameterGroupName: &group})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Parameters...)
	}
	user := slices.DeleteFunc(slices.Clone(all), func(p types.Parameter) bool { return *p.Source != "user" })
	if len(all) < 250 || len(user) != 2 || *user[1].ParameterName != "rds.logical_replication" || *user[1].ApplyType != "static" {
		t.Errorf("%d parameters, of the user: %+v", len(all), user)
	}
}

func TestReadersFailoverAndTheEnd(t *testing.T) {
	f := start(t)
	f.cluster(t, "orders", "17")
	f.writer(t, "orders", "orders-2")
	if _, err := f.api.FailoverDBCluster(t.Context(), &rds.FailoverDBClusterInput{DBClusterIdentifier: aws.String("orders")}); err != nil {
		t.Fatal(err)
	}
	f.status(t, "orders", "available")
	if m := f.describe(t, "orders").DBClusterMembers; *m[0].IsClusterWriter || !*m[1].IsClusterWriter {
		t.Errorf("members after the failover: %+v", m)
	}
	f.connect(t, "orders", "shop")

	remove := func(in *rds.DeleteDBClusterInput) error {
		in.DBClusterIdentifier = aws.String("orders")
		_, err := f.api.DeleteDBCluster(t.Context(), in)
		return err
	}
	if got := code(remove(&rds.DeleteDBClusterInput{SkipFinalSnapshot: aws.Bool(true)})); got != "InvalidDBClusterStateFault" {
		t.Errorf("deletion with instances: %q", got)
	}
	for _, name := range []string{"orders-1", "orders-2"} {
		if _, err := f.api.DeleteDBInstance(t.Context(), &rds.DeleteDBInstanceInput{DBInstanceIdentifier: &name}); err != nil {
			t.Fatal(err)
		}
	}
	if got := code(remove(&rds.DeleteDBClusterInput{})); got != "InvalidParameterCombination" {
		t.Errorf("deletion without a word on a final snapshot: %q", got)
	}
	if err := remove(&rds.DeleteDBClusterInput{FinalDBSnapshotIdentifier: aws.String("last")}); err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, limit, "it is gone", func() bool {
		out, err := f.api.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{})
		return err == nil && len(out.DBClusters) == 0
	})
	snapshots, err := f.api.DescribeDBClusterSnapshots(t.Context(), &rds.DescribeDBClusterSnapshotsInput{DBClusterIdentifier: aws.String("orders")})
	if err != nil || len(snapshots.DBClusterSnapshots) != 1 || *snapshots.DBClusterSnapshots[0].Status != "available" {
		t.Errorf("%+v, %v", snapshots, err)
	}
}

func TestSecurityGroupsAndProxiesLead(t *testing.T) {
	f := start(t)
	f.Rules("sg-shut", simulator.Rule{Protocol: "tcp", From: 1, To: 65535, CIDR: "10.0.0.0/8"})
	f.cluster(t, "orders", "15", func(in *rds.CreateDBClusterInput) { in.VpcSecurityGroupIds = []string{"sg-shut"} })
	endpoint := *f.describe(t, "orders").Endpoint
	if conn, err := f.try(t, endpoint, "postgres", "shop"); err == nil {
		_ = conn.Close(t.Context())
		t.Error("a security group that lets nobody in did")
	}
	f.Rules("sg-shut", simulator.Rule{Protocol: "tcp", From: 1, To: 65535, CIDR: "127.0.0.0/8"})
	f.connect(t, "orders", "shop")

	proxy, err := f.api.CreateDBProxy(t.Context(), &rds.CreateDBProxyInput{
		DBProxyName: aws.String("pool"), EngineFamily: types.EngineFamilyPostgresql, RoleArn: aws.String("arn:aws:iam::123456789012:role/proxy"),
		VpcSubnetIds: []string{"subnet-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	register := func() error {
		_, err := f.api.RegisterDBProxyTargets(t.Context(), &rds.RegisterDBProxyTargetsInput{
			DBProxyName: aws.String("pool"), DBClusterIdentifiers: []string{"orders"},
		})
		return err
	}
	if err := register(); err != nil {
		t.Fatal(err)
	}
	if got := code(register()); got != "DBProxyTargetAlreadyRegisteredFault" {
		t.Errorf("registered twice: %q", got)
	}
	var session interface {
		Ping(ctx context.Context) error
	}
	pgtest.Eventually(t, time.Minute, "the proxy leads to it", func() bool {
		conn, err := f.try(t, *proxy.DBProxy.Endpoint, "postgres", "shop")
		if err == nil {
			session = conn
			t.Cleanup(func() { _ = conn.Close(context.Background()) })
		}
		return err == nil
	})
	_, err = f.api.DeregisterDBProxyTargets(t.Context(), &rds.DeregisterDBProxyTargetsInput{
		DBProxyName: aws.String("pool"), DBClusterIdentifiers: []string{"orders"},
	})
	if err != nil || session.Ping(t.Context()) == nil {
		t.Errorf("deregistered: %v, and its session lives", err)
	}
}
