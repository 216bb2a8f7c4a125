package aurora

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
)

const (
	password = "a-password-of-the-tests"
	limit    = 2 * time.Minute
	from, to = 15, 18
)

// scene is a simulator with a blue, and what pgteal says about its work.
type scene struct {
	*simulator.Simulator
	api    *rds.Client
	config *config.Config
	limits limits // of the providers from now on

	mu   sync.Mutex
	said []string
	now  []string
}

// stage starts a simulator, makes it what the AWS SDK uses in this test, and makes blue there: DB cluster "orders" with logical replication.
func stage(t *testing.T) *scene {
	t.Helper()
	return stageWith(t, 5*time.Millisecond)
}

// stageWith is stage with another time that each passing status lasts.
func stageWith(t *testing.T, delay time.Duration) *scene {
	t.Helper()
	s, err := simulator.Start(t.Context(), simulator.Options{Directory: pgtest.Directory(t), Delay: delay, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, variable := range s.Environment() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	c, err := config.Parse([]byte("upgrade: orders\nto: " + strconv.Itoa(to) +
		"\nprovider: aurora\naurora: {region: eu-west-1, cluster: orders, ca_bundle: " + s.CABundle() + "}\n"))
	if err != nil {
		t.Fatal(err)
	}
	f := &scene{Simulator: s, limits: defaultLimits, api: rds.NewFromConfig(s.Config()), config: c}
	f.limits.settle, f.limits.appear = 3*time.Second, 0
	f.makeBlue(t)
	return f
}

func (f *scene) makeBlue(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	group := aws.String("orders")
	family := aws.String("aurora-postgresql" + strconv.Itoa(from))
	must(t)(f.api.CreateDBClusterParameterGroup(ctx, &rds.CreateDBClusterParameterGroupInput{
		DBClusterParameterGroupName: group, DBParameterGroupFamily: family, Description: group,
	}))
	must(t)(f.api.ModifyDBClusterParameterGroup(ctx, &rds.ModifyDBClusterParameterGroupInput{
		DBClusterParameterGroupName: group, Parameters: []types.Parameter{parameter(logicalReplication, "1"), parameter("work_mem", "8192")},
	}))
	must(t)(f.api.CreateDBCluster(ctx, &rds.CreateDBClusterInput{
		DBClusterIdentifier: aws.String("orders"), Engine: aws.String(engine), EngineVersion: aws.String(f.latest(t, from)),
		MasterUsername: aws.String("postgres"), MasterUserPassword: aws.String(password), DatabaseName: aws.String("shop"),
		DBClusterParameterGroupName: group, DeletionProtection: aws.Bool(true), Tags: []types.Tag{tag("team", "orders")},
	}))
	f.becomes(t, "orders", "available")
	must(t)(f.api.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("orders-a"), DBClusterIdentifier: aws.String("orders"), Engine: aws.String(engine),
		DBInstanceClass: aws.String("db.r6g.large"), PromotionTier: aws.Int32(1),
	}))
	f.instanceBecomes(t, "orders-a", "available")
}

// provider is a provider as a process of its own has it: with nothing in memory.
func (f *scene) provider() *Aurora {
	a := New(f.config, password)
	a.limits = f.limits
	a.Own("UPGRADE1")
	return a
}

// step keeps what it is told.
func (f *scene) step() *progress.Step {
	return progress.Reporter(func(e progress.Event) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if e.Message != "" {
			f.said = append(f.said, e.Message)
		}
		if e.Doing != "" {
			f.now = append(f.now, e.Doing)
		}
	}).Step("test")
}

// heard tells whether a message with all of parts was said.
func (f *scene) heard(parts ...string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, message := range f.said {
		if containsAll(message, parts...) {
			return true
		}
	}
	return false
}

func containsAll(text string, parts ...string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

func (f *scene) blue(t *testing.T, a *Aurora) *postgres.Server {
	t.Helper()
	s, err := a.Blue(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (f *scene) cluster(t *testing.T, id string) *types.DBCluster {
	t.Helper()
	answer, err := f.api.DescribeDBClusters(context.WithoutCancel(t.Context()), &rds.DescribeDBClustersInput{DBClusterIdentifier: &id})
	if is(err, "DBClusterNotFoundFault") {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return &answer.DBClusters[0]
}

func (f *scene) becomes(t *testing.T, id, status string) {
	t.Helper()
	pgtest.Eventually(t, limit, "DB cluster "+id+" is "+status, func() bool {
		c := f.cluster(t, id)
		return c != nil && aws.ToString(c.Status) == status
	})
}

func (f *scene) instanceBecomes(t *testing.T, id, status string) {
	t.Helper()
	pgtest.Eventually(t, limit, "DB instance "+id+" is "+status, func() bool {
		answer, err := f.api.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
		return err == nil && aws.ToString(answer.DBInstances[0].DBInstanceStatus) == status
	})
}

// latest is the latest minor version of a major version.
func (f *scene) latest(t *testing.T, major int) string {
	t.Helper()
	answer, err := f.api.DescribeDBEngineVersions(t.Context(), &rds.DescribeDBEngineVersionsInput{Engine: aws.String(engine)})
	if err != nil {
		t.Fatal(err)
	}
	latest := ""
	for _, v := range answer.DBEngineVersions {
		if s := aws.ToString(v.EngineVersion); majorOf(s) == major && (latest == "" || compareVersions(s, latest) > 0) {
			latest = s
		}
	}
	return latest
}

func parameter(name, value string) types.Parameter {
	return types.Parameter{ParameterName: &name, ParameterValue: &value, ApplyMethod: types.ApplyMethodPendingReboot}
}

// must fails the test where a call of the API fails.
func must(t *testing.T) func(any, error) {
	t.Helper()
	return func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// olderThan is the simulator's minor version before another one.
func olderThan(version string) string {
	major, minor, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(minor)
	return major + "." + strconv.Itoa(n-1)
}
