package simulator_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
)

const password = "a-password-of-the-tests"

// fixture is a simulator and what tests ask it with.
type fixture struct {
	*simulator.Simulator
	api *rds.Client
}

// start starts a simulator of the test's own, and lets others run beside it: most of the time goes by in waiting for servers.
func start(t *testing.T) *fixture {
	t.Helper()
	t.Parallel()
	s, err := simulator.Start(t.Context(), simulator.Options{
		Directory: pgtest.Directory(t), Delay: 10 * time.Millisecond, Log: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &fixture{s, rds.NewFromConfig(s.Config(), func(o *rds.Options) { o.RetryMaxAttempts = 1 })}
}

// cluster makes a DB cluster with a writer and waits until both are available.
func (f *fixture) cluster(t *testing.T, name, version string, with ...func(*rds.CreateDBClusterInput)) {
	t.Helper()
	in := &rds.CreateDBClusterInput{
		DBClusterIdentifier: &name, Engine: aws.String("aurora-postgresql"), EngineVersion: &version,
		MasterUsername: aws.String("postgres"), MasterUserPassword: aws.String(password), DatabaseName: aws.String("shop"),
	}
	for _, change := range with {
		change(in)
	}
	if _, err := f.api.CreateDBCluster(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	f.status(t, name, "available")
	f.writer(t, name, name+"-1")
}

func (f *fixture) writer(t *testing.T, cluster, name string) {
	t.Helper()
	_, err := f.api.CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &name, DBClusterIdentifier: &cluster, Engine: aws.String("aurora-postgresql"), DBInstanceClass: aws.String("db.r6g.large"),
	})
	if err != nil {
		t.Fatal(err)
	}
	f.instanceStatus(t, name, "available")
}

func (f *fixture) describe(t *testing.T, name string) types.DBCluster {
	t.Helper()
	out, err := f.api.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: &name})
	if err != nil {
		t.Fatal(err)
	}
	return out.DBClusters[0]
}

func (f *fixture) describeInstance(t *testing.T, name string) types.DBInstance {
	t.Helper()
	out, err := f.api.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &name})
	if err != nil {
		t.Fatal(err)
	}
	return out.DBInstances[0]
}

const limit = 90 * time.Second

func (f *fixture) status(t *testing.T, cluster, status string) {
	t.Helper()
	pgtest.Eventually(t, limit, cluster+" is "+status, func() bool { return *f.describe(t, cluster).Status == status })
}

func (f *fixture) instanceStatus(t *testing.T, name, status string) {
	t.Helper()
	pgtest.Eventually(t, limit, name+" is "+status, func() bool { return *f.describeInstance(t, name).DBInstanceStatus == status })
}

// connect opens a session as the master user at a cluster's endpoint, with its certificate verified.
func (f *fixture) connect(t *testing.T, cluster, database string) *pgx.Conn {
	t.Helper()
	conn, err := f.try(t, *f.describe(t, cluster).Endpoint, "postgres", database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (f *fixture) try(t *testing.T, address, user, database string) (*pgx.Conn, error) {
	t.Helper()
	config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d user=%s dbname=%s password=%s connect_timeout=10",
		address, f.Port(), user, database, password))
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := os.ReadFile(f.CABundle())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	config.TLSConfig = &tls.Config{RootCAs: roots, ServerName: address, MinVersion: tls.VersionTLS12}
	config.Fallbacks = nil
	return pgx.ConnectConfig(t.Context(), config)
}

func TestADBClusterLives(t *testing.T) {
	f := start(t)
	f.cluster(t, "orders", "15")
	c := f.describe(t, "orders")
	if *c.Port != int32(f.Port()) || len(c.DBClusterMembers) != 1 || !*c.DBClusterMembers[0].IsClusterWriter ||
		*c.DBClusterMembers[0].DBClusterParameterGroupStatus != "in-sync" || *c.DBClusterParameterGroup != "default.aurora-postgresql15" {
		t.Errorf("described as %+v", c)
	}
	conn := f.connect(t, "orders", "shop")
	var super bool
	var lsn string
	err := conn.QueryRow(t.Context(), `SELECT rolsuper, aurora_volume_logical_start_lsn()::text FROM pg_roles WHERE rolname = current_user`).Scan(&super, &lsn)
	if err != nil || super || lsn != "0/0" {
		t.Errorf("superuser %v, start LSN %s, %v", super, lsn, err)
	}
	if conn, err := f.try(t, *c.Endpoint, "rdsadmin", "shop"); err == nil {
		_ = conn.Close(t.Context())
		t.Error("rdsadmin got in")
	}
	if matches, _ := filepath.Glob(filepath.Join(filepath.Dir(f.CABundle()), "c*")); len(matches) != 1 {
		t.Errorf("servers live in %v", matches)
	}
}

// set sets a parameter of a DB cluster parameter group.
func (f *fixture) set(t *testing.T, group, name, value, method string) {
	t.Helper()
	_, err := f.api.ModifyDBClusterParameterGroup(t.Context(), &rds.ModifyDBClusterParameterGroupInput{
		DBClusterParameterGroupName: &group,
		Parameters:                  []types.Parameter{{ParameterName: &name, ParameterValue: &value, ApplyMethod: types.ApplyMethod(method)}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// latest is the latest version of a major.
func (f *fixture) latest(t *testing.T, major string) string {
	t.Helper()
	out, err := f.api.DescribeDBEngineVersions(t.Context(), &rds.DescribeDBEngineVersionsInput{
		Engine: aws.String("aurora-postgresql"), EngineVersion: &major, DefaultOnly: aws.Bool(true),
	})
	if err != nil || len(out.DBEngineVersions) != 1 {
		t.Fatalf("versions of %s: %+v, %v", major, out, err)
	}
	return *out.DBEngineVersions[0].EngineVersion
}
