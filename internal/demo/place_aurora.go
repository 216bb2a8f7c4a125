package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
)

// aurora is a simulator of AWS in this process: blue is a DB cluster with a reader there, as the AWS document that pgteal implements has it.
type aurora struct {
	stage     *stage
	simulator *simulator.Simulator
	api       *rds.Client
	password  string
}

const (
	blueCluster   = "orders"
	auroraEngine  = "aurora-postgresql"
	statusLasts   = 300 * time.Millisecond // on AWS it is minutes
	simulatedIn   = 2 * time.Minute        // for a status of the simulator
	lookAtStatus  = 50 * time.Millisecond
	auroraReaders = 1
)

func (a *aurora) build(ctx context.Context) (*postgres.Server, string, error) {
	directory := filepath.Join(a.stage.directory, "aws")
	if _, err := a.stage.account.Mkdir(directory); err != nil {
		return nil, "", err
	}
	var err error
	a.simulator, err = simulator.Start(ctx, simulator.Options{Directory: directory, Delay: statusLasts})
	if err != nil {
		return nil, "", err
	}
	for _, variable := range a.simulator.Environment() { // for the provider, and for the guard, which is a process of its own
		name, value, _ := strings.Cut(variable, "=")
		if err := os.Setenv(name, value); err != nil {
			return nil, "", err
		}
	}
	a.api, a.password = rds.NewFromConfig(a.simulator.Config()), postgres.NewPassword()
	if err := os.WriteFile(a.passwordFile(), []byte(a.password+"\n"), 0o600); err != nil {
		return nil, "", err
	}
	if err := a.makeBlue(ctx); err != nil {
		return nil, "", fmt.Errorf("make a DB cluster in the simulator: %w", err)
	}
	server, err := a.open(ctx, "blue", blueCluster)
	if err != nil {
		return nil, "", err
	}
	return server, fmt.Sprintf("host=%s port=%d user=%s password=%s", server.Host(), server.Port(), App, a.password), nil
}

// makeBlue makes what the document expects of the reader: a custom parameter group with logical replication, a writer and a reader.
func (a *aurora) makeBlue(ctx context.Context) error {
	name := aws.String(blueCluster)
	_, err := a.api.CreateDBClusterParameterGroup(ctx, &rds.CreateDBClusterParameterGroupInput{
		DBClusterParameterGroupName: name, DBParameterGroupFamily: aws.String(auroraEngine + strconv.Itoa(a.stage.options.From)), Description: name,
	})
	if err != nil {
		return err
	}
	set := func(name, value string) types.Parameter {
		return types.Parameter{ParameterName: &name, ParameterValue: &value, ApplyMethod: types.ApplyMethodPendingReboot}
	}
	_, err = a.api.ModifyDBClusterParameterGroup(ctx, &rds.ModifyDBClusterParameterGroupInput{
		DBClusterParameterGroupName: name, Parameters: []types.Parameter{set("rds.logical_replication", "1"), set("max_connections", "200")},
	})
	if err != nil {
		return err
	}
	version, err := a.latest(ctx, a.stage.options.From)
	if err != nil {
		return err
	}
	_, err = a.api.CreateDBCluster(ctx, &rds.CreateDBClusterInput{
		DBClusterIdentifier: name, Engine: aws.String(auroraEngine), EngineVersion: &version, DBClusterParameterGroupName: name,
		MasterUsername: aws.String(superuser), MasterUserPassword: &a.password, DatabaseName: aws.String("postgres"),
	})
	if err != nil {
		return err
	}
	if err := a.available(ctx); err != nil {
		return err
	}
	for i := range 1 + auroraReaders {
		_, err := a.api.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
			DBInstanceIdentifier: aws.String(fmt.Sprintf("%s-%d", blueCluster, i+1)), DBClusterIdentifier: name, Engine: aws.String(auroraEngine),
			DBInstanceClass: aws.String("db.r6g.large"), PromotionTier: aws.Int32(int32(i)),
		})
		if err != nil {
			return err
		}
	}
	return a.available(ctx)
}

// latest is the latest minor version of a major version.
func (a *aurora) latest(ctx context.Context, major int) (latest string, err error) {
	answer, err := a.api.DescribeDBEngineVersions(ctx, &rds.DescribeDBEngineVersionsInput{Engine: aws.String(auroraEngine)})
	if err != nil {
		return "", err
	}
	for _, v := range answer.DBEngineVersions { // they come in their order
		if strings.HasPrefix(aws.ToString(v.EngineVersion), strconv.Itoa(major)+".") {
			latest = *v.EngineVersion
		}
	}
	if latest == "" {
		return "", fmt.Errorf("the simulator has no PostgreSQL %d: scripts/get-postgres %d brings it", major, major)
	}
	return latest, nil
}

// available returns when blue and all its instances are.
func (a *aurora) available(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, simulatedIn)
	defer cancel()
	for {
		clusters, err := a.api.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{})
		if err != nil {
			return err
		}
		instances, err := a.api.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{})
		if err != nil {
			return err
		}
		all := aws.ToString(clusters.DBClusters[0].Status) == "available"
		for _, i := range instances.DBInstances {
			all = all && aws.ToString(i.DBInstanceStatus) == "available"
		}
		if all {
			return nil
		}
		if err := wait(ctx, lookAtStatus); err != nil {
			return err
		}
	}
}

// fill makes the document's own example and lets App in. From 16 on nothing may belong to the master user itself (check own-objects).
func (a *aurora) fill(ctx context.Context, blue *postgres.Server) error {
	err := blue.In(ctx, "postgres", func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `CREATE TABLE public.my_table (a int PRIMARY KEY); INSERT INTO public.my_table VALUES (generate_series(1, 100));
			ALTER ROLE `+App+` PASSWORD `+postgres.Literal(a.password)+`; CREATE ROLE databases_owner; GRANT databases_owner TO `+superuser)
		return err
	})
	if err != nil || a.stage.options.From < 16 {
		return err
	}
	for _, database := range append([]string{"postgres"}, a.stage.databases...) {
		err := blue.In(ctx, database, func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `REASSIGN OWNED BY `+superuser+` TO databases_owner`)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *aurora) config() string {
	return fmt.Sprintf("provider: aurora\naurora: {region: eu-west-1, cluster: %s, ca_bundle: %q, password_file: %q}\n",
		blueCluster, a.simulator.CABundle(), a.passwordFile())
}

func (a *aurora) passwordFile() string { return filepath.Join(a.stage.directory, "password") }

func (a *aurora) openGreen(ctx context.Context) (*postgres.Server, error) {
	return a.open(ctx, "green", fmt.Sprintf("%s-pg%d", blueCluster, a.stage.options.To))
}

// open reaches the writer of a DB cluster as the master user.
func (a *aurora) open(ctx context.Context, name, cluster string) (*postgres.Server, error) {
	answer, err := a.api.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &cluster})
	if err != nil {
		return nil, err
	}
	c := answer.DBClusters[0]
	server, err := postgres.Open(name, fmt.Sprintf("host=%s port=%d user=%s sslmode=verify-full sslrootcert='%s'",
		aws.ToString(c.Endpoint), aws.ToInt32(c.Port), superuser, a.simulator.CABundle()))
	if err != nil {
		return nil, err
	}
	return server.As(superuser, a.password, ""), nil
}

func (a *aurora) look() []string {
	lines := []string{"export " + strings.Join(a.simulator.Environment(), " ") + "   # the AWS CLI and pgteal then talk to the simulator"}
	return append(lines,
		"pgteal status --config "+a.stage.file(),
		"pgteal rollback --config "+a.stage.file(),
		"pgteal finish --config "+a.stage.file()+"   # ends the upgrade",
		"Ctrl-C here   # ends the simulator with everything in it",
	)
}

// outlives is false: the clusters are in this process.
func (*aurora) outlives() bool { return false }

func (a *aurora) clear() error {
	if a.simulator == nil {
		return nil
	}
	return a.simulator.Close()
}
