package simulator_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
)

// logical turns on logical replication for what is made with it.
func (f *fixture) logical(t *testing.T, major string) string {
	t.Helper()
	name := "logical" + major
	_, err := f.api.CreateDBClusterParameterGroup(t.Context(), &rds.CreateDBClusterParameterGroupInput{
		DBClusterParameterGroupName: &name, DBParameterGroupFamily: aws.String("aurora-postgresql" + major), Description: &name,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.set(t, name, "rds.logical_replication", "1", "pending-reboot")
	return name
}

func (f *fixture) clone(t *testing.T, source, name, group string) {
	t.Helper()
	_, err := f.api.RestoreDBClusterToPointInTime(t.Context(), &rds.RestoreDBClusterToPointInTimeInput{
		SourceDBClusterIdentifier: &source, DBClusterIdentifier: &name, RestoreType: aws.String("copy-on-write"),
		UseLatestRestorableTime: aws.Bool(true), DBClusterParameterGroupName: &group,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.status(t, name, "available")
	f.writer(t, name, name+"-1")
}

// one returns what a query of one row and column says.
func one[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) (v T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func exec(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func TestACloneOfALiveClusterIsExact(t *testing.T) {
	f := start(t)
	group := f.logical(t, "15")
	f.cluster(t, "blue", "15", func(in *rds.CreateDBClusterInput) { in.DBClusterParameterGroupName = &group })
	blue := f.connect(t, "blue", "shop")
	exec(t, blue, `CREATE TABLE log (id bigint PRIMARY KEY)`, `SELECT pg_create_logical_replication_slot('watch', 'test_decoding')`)

	writing, stop := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	session := f.connect(t, "blue", "shop")
	writer.Go(func() {
		for id := 0; writing.Err() == nil; id++ {
			if _, err := session.Exec(t.Context(), `INSERT INTO log VALUES ($1)`, id); err != nil {
				t.Error(err)
				return
			}
		}
	})
	f.clone(t, "blue", "green", group)
	stop()
	writer.Wait()

	green := f.connect(t, "green", "shop")
	lsn := one[string](t, green, `SELECT aurora_volume_logical_start_lsn()::text`)
	have := one[int](t, green, `SELECT count(*) FROM log`)
	before := one[int](t, blue, `SELECT count(*) FROM pg_logical_slot_peek_changes('watch', NULL, NULL) WHERE data LIKE 'COMMIT%' AND lsn <= $1::pg_lsn`, lsn)
	all := one[int](t, blue, `SELECT count(*) FROM log`)
	if have == 0 || have != before || have >= all {
		t.Errorf("the clone has %d rows; blue committed %d up to %s, and %d in all", have, before, lsn, all)
	}
	if slots := one[string](t, green, `SELECT string_agg(slot_name::text, ',') FROM pg_replication_slots`); slots != "watch" {
		t.Errorf("the clone's slots: %s", slots)
	}
	if a, b := f.describe(t, "blue"), f.describe(t, "green"); a.CloneGroupId == nil || *a.CloneGroupId != *b.CloneGroupId {
		t.Error("the clone does not share blue's volume")
	}
}

func (f *fixture) upgrade(t *testing.T, name, version, group string) {
	t.Helper()
	out, err := f.api.ModifyDBCluster(t.Context(), &rds.ModifyDBClusterInput{
		DBClusterIdentifier: &name, EngineVersion: &version, AllowMajorVersionUpgrade: aws.Bool(true), ApplyImmediately: aws.Bool(true),
		DBClusterParameterGroupName: &group,
	})
	if err != nil {
		t.Fatal(err)
	}
	if out.DBCluster.PendingModifiedValues == nil || *out.DBCluster.Status != "available" {
		t.Errorf("at once: %s, pending %+v", *out.DBCluster.Status, out.DBCluster.PendingModifiedValues)
	}
	f.status(t, name, "upgrading")
	f.status(t, name, "available")
}

// log is the content of the only log file of a DB instance whose name contains a text.
func (f *fixture) log(t *testing.T, instance, name string) string {
	t.Helper()
	files, err := f.api.DescribeDBLogFiles(t.Context(), &rds.DescribeDBLogFilesInput{DBInstanceIdentifier: &instance, FilenameContains: &name})
	if err != nil || len(files.DescribeDBLogFiles) != 1 {
		t.Fatalf("log files of %s: %+v, %v", name, files, err)
	}
	portion, err := f.api.DownloadDBLogFilePortion(t.Context(), &rds.DownloadDBLogFilePortionInput{
		DBInstanceIdentifier: &instance, LogFileName: files.DescribeDBLogFiles[0].LogFileName,
	})
	if err != nil {
		t.Fatal(err)
	}
	return *portion.LogFileData
}

func TestAMajorVersionUpgradeIsRealAndRefusedForASlot(t *testing.T) {
	f := start(t)
	from, to := f.logical(t, "15"), f.logical(t, "18")
	f.cluster(t, "orders", "15", func(in *rds.CreateDBClusterInput) { in.DBClusterParameterGroupName = &from })
	conn := f.connect(t, "orders", "shop")
	exec(t, conn, `CREATE TABLE my_table (a int PRIMARY KEY)`, `INSERT INTO my_table VALUES (generate_series(1,100))`,
		`SELECT pg_create_logical_replication_slot('inherited', 'pgoutput')`)

	version := f.latest(t, "18")
	f.upgrade(t, "orders", version, to)
	if c := f.describe(t, "orders"); !strings.HasPrefix(*c.EngineVersion, "15.") || c.PendingModifiedValues != nil {
		t.Fatalf("after a failed upgrade: %s, pending %+v", *c.EngineVersion, c.PendingModifiedValues)
	}
	if log := f.log(t, "orders-1", "pg_upgrade"); !strings.Contains(log, "inherited") {
		t.Fatalf("the log says %q", log)
	}

	conn = f.connect(t, "orders", "shop")
	exec(t, conn, `SELECT pg_drop_replication_slot('inherited')`, `CREATE TABLE refused (f regproc)`)
	f.upgrade(t, "orders", version, to)
	if log := f.log(t, "orders-1", "pg_upgrade_tables_using_reg"); !strings.Contains(log, "refused.f") {
		t.Errorf("pg_upgrade's report says %q", log)
	}
	conn = f.connect(t, "orders", "shop")
	exec(t, conn, `DROP TABLE refused`)
	f.upgrade(t, "orders", version, to)
	c := f.describe(t, "orders")
	if *c.EngineVersion != version || *c.DBClusterParameterGroup != to || *f.describeInstance(t, "orders-1").EngineVersion != version {
		t.Fatalf("after the upgrade: %+v", c)
	}
	conn = f.connect(t, "orders", "shop")
	if n := one[int](t, conn, `SELECT count(*) FROM my_table WHERE current_setting('server_version_num')::int >= 180000`); n != 100 {
		t.Errorf("after the upgrade there are %d rows", n)
	}
	if level := one[string](t, conn, `SHOW wal_level`); level != "logical" {
		t.Errorf("wal_level is %s", level)
	}
}

func TestTheSixteenthCloneIsAFullCopy(t *testing.T) {
	f := start(t)
	f.cluster(t, "blue", "15")
	f.Fail(simulator.Fault{Action: "RestoreDBClusterToPointInTime", Times: -1, Ends: "cloning-failed"}) // it counts all the same, and takes no time
	for n := 1; n <= 16; n++ {
		name := fmt.Sprint("clone-", n)
		out, err := f.api.RestoreDBClusterToPointInTime(t.Context(), &rds.RestoreDBClusterToPointInTimeInput{
			SourceDBClusterIdentifier: aws.String("blue"), DBClusterIdentifier: &name, RestoreType: aws.String("copy-on-write"),
			UseLatestRestorableTime: aws.Bool(true),
		})
		if err != nil {
			t.Fatal(err)
		}
		if shares := out.DBCluster.CloneGroupId != nil; shares != (n < 16) {
			t.Errorf("clone %d shares storage: %v", n, shares)
		}
		f.status(t, name, "cloning-failed")
	}
	if _, err := f.api.DeleteDBCluster(t.Context(), &rds.DeleteDBClusterInput{
		DBClusterIdentifier: aws.String("clone-1"), SkipFinalSnapshot: aws.Bool(true),
	}); err != nil {
		t.Error(err)
	}
	pgtest.Eventually(t, limit, "it is gone", func() bool {
		_, err := f.api.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String("clone-1")})
		return code(err) == "DBClusterNotFoundFault"
	})
}
