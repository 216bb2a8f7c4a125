package site

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
)

// Cluster is the identifier of blue in Aurora.
const Cluster = "orders"

const auroraEngine = "aurora-postgresql"

// Aurora is a site in the simulator of AWS: blue is a DB cluster with a reader, PgBouncer stands before it.
type Aurora struct {
	*Site
	AWS      *simulator.Simulator
	RDS      *rds.Client
	Password string // of the master user, and of App
}

// NewAurora makes such a site. The environment of the test leads the AWS SDK to the simulator.
func NewAurora(t testing.TB, from, to int) *Aurora {
	t.Helper()
	pgtest.NeedUpgrade(t, from, to)
	directory := pgtest.Directory(t)
	sim, err := simulator.Start(t.Context(), simulator.Options{Directory: directory, Delay: 20 * time.Millisecond, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, variable := range sim.Environment() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	a := &Aurora{ //nolint:gosec // a password of the tests
		Site: &Site{Options: Options{From: from, To: to}, Directory: pgtest.Directory(t), Databases: []string{"shop", Weird}},
		AWS:  sim, RDS: rds.NewFromConfig(sim.Config()), Password: "pass'word \\of the tests",
	}
	a.File = filepath.Join(a.Directory, "pgteal.yaml")
	if a.account, err = pgctl.Unprivileged(); err != nil {
		t.Fatal(err)
	}
	a.makeCluster(t)
	a.Blue = &pgtest.Server{Server: a.Server(t, Cluster), Port: sim.Port()}
	a.fillAurora(t)
	a.makeAuroraBouncer(t)
	if err := os.WriteFile(a.passwordFile(), []byte(a.Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.Write(t, a.Config())
	return a
}

func (a *Aurora) makeCluster(t testing.TB) {
	t.Helper()
	ctx := t.Context()
	group := aws.String(Cluster)
	version := a.version(t, a.From)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := a.RDS.CreateDBClusterParameterGroup(ctx, &rds.CreateDBClusterParameterGroupInput{
		DBClusterParameterGroupName: group, DBParameterGroupFamily: aws.String("aurora-postgresql" + strconv.Itoa(a.From)), Description: group,
	})
	must(err)
	_, err = a.RDS.ModifyDBClusterParameterGroup(ctx, &rds.ModifyDBClusterParameterGroupInput{
		DBClusterParameterGroupName: group,
		Parameters: []types.Parameter{
			{ParameterName: aws.String("rds.logical_replication"), ParameterValue: aws.String("1"), ApplyMethod: types.ApplyMethodPendingReboot},
			{ParameterName: aws.String("work_mem"), ParameterValue: aws.String("8192"), ApplyMethod: types.ApplyMethodImmediate},
		},
	})
	must(err)
	_, err = a.RDS.CreateDBCluster(ctx, &rds.CreateDBClusterInput{
		DBClusterIdentifier: group, Engine: aws.String(auroraEngine), EngineVersion: &version, DatabaseName: aws.String("shop"),
		MasterUsername: aws.String(pgtest.Superuser), MasterUserPassword: &a.Password, DBClusterParameterGroupName: group,
	})
	must(err)
	pgtest.Eventually(t, patience, "the cluster is available", func() bool {
		answer, err := a.RDS.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: group})
		return err == nil && aws.ToString(answer.DBClusters[0].Status) == "available"
	})
	for i := range 2 {
		_, err = a.RDS.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
			DBInstanceIdentifier: aws.String(fmt.Sprintf("%s-%d", Cluster, i)), DBClusterIdentifier: group, Engine: aws.String(auroraEngine),
			DBInstanceClass: aws.String("db.r6g.large"), PromotionTier: aws.Int32(int32(i)),
		})
		must(err)
	}
	pgtest.Eventually(t, patience, "blue is available", func() bool {
		answer, err := a.RDS.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{})
		if err != nil {
			return false
		}
		for _, i := range answer.DBInstances {
			if aws.ToString(i.DBInstanceStatus) != "available" {
				return false
			}
		}
		return true
	})
}

// version is the latest minor version of a major version.
func (a *Aurora) version(t testing.TB, major int) string {
	t.Helper()
	answer, err := a.RDS.DescribeDBEngineVersions(t.Context(), &rds.DescribeDBEngineVersionsInput{Engine: aws.String(auroraEngine)})
	if err != nil {
		t.Fatal(err)
	}
	latest := ""
	for _, v := range answer.DBEngineVersions {
		if strings.HasPrefix(*v.EngineVersion, strconv.Itoa(major)+".") { // they come in their order
			latest = *v.EngineVersion
		}
	}
	return latest
}

// Server is the writer of a DB cluster, reached as the master user.
func (a *Aurora) Server(t testing.TB, cluster string) *postgres.Server {
	t.Helper()
	s, err := postgres.Open(cluster, a.Conninfo(t, cluster, pgtest.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Conninfo is the connection string of the writer of a DB cluster. All roles have the same password.
func (a *Aurora) Conninfo(t testing.TB, cluster, role string) string {
	t.Helper()
	answer, err := a.RDS.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: &cluster})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("host=%s port=%d user=%s password=%s sslmode=require", *answer.DBClusters[0].Endpoint, a.AWS.Port(), role, Quote(a.Password))
}

func (a *Aurora) fillAurora(t testing.TB) {
	t.Helper()
	a.Blue.Exec(t, "postgres", "CREATE ROLE "+App+" LOGIN PASSWORD "+postgres.Literal(a.Password), "CREATE ROLE owner",
		"GRANT owner TO "+pgtest.Superuser, "CREATE DATABASE "+postgres.Ident(Weird)+" OWNER owner")
	if err := audit.Install(t.Context(), a.Blue.Server, a.Databases, App); err != nil {
		t.Fatal(err)
	}
	a.Blue.Exec(t, Weird, `CREATE TABLE "We""ird; DROP" ("We""ird; DROP" serial PRIMARY KEY, "select" text)`,
		`INSERT INTO "We""ird; DROP" ("select") SELECT 'row ' || i FROM generate_series(1, 100) i`, `ALTER TABLE "We""ird; DROP" OWNER TO owner`)
	a.Blue.Exec(t, "shop", `CREATE TABLE my_table (a int PRIMARY KEY)`, `INSERT INTO my_table VALUES (generate_series(1, 100))`)
	if a.From >= 16 { // what check asks for
		a.Blue.Exec(t, "postgres", `REASSIGN OWNED BY `+pgtest.Superuser+` TO owner`)
		for _, database := range a.Databases {
			a.Blue.Exec(t, database, `REASSIGN OWNED BY `+pgtest.Superuser+` TO owner`)
		}
	}
}

func (a *Aurora) makeAuroraBouncer(t testing.TB) {
	t.Helper()
	if _, err := a.account.Mkdir(filepath.Join(a.Directory, "pgbouncer")); err != nil {
		t.Fatal(err)
	}
	quoted := strings.ReplaceAll(a.Password, "'", "''")
	a.startBouncer(t, pgtest.FreePort(t), fmt.Sprintf("[databases]\n* = host=%s port=%d user=%s password='%s'\n", a.Blue.Host(), a.Blue.Port, App, quoted))
	t.Cleanup(a.Bouncer.Stop)
}

// Config is the text of a pgteal.yaml for the site.
func (a *Aurora) Config() string {
	return a.ConfigWith(fmt.Sprintf("pgbouncer: {admin: %q, include: %q}", a.Bouncer.Console(), a.Bouncer.IncludeFile))
}

// ConfigWith is Config with another route.
func (a *Aurora) ConfigWith(route string) string {
	return fmt.Sprintf("upgrade: site\nto: %d\nprovider: aurora\naurora: {region: eu-west-1, cluster: %s, ca_bundle: %q, password_file: %q}\n"+
		"state_directory: %q\nswitchover: {max_pause: 20s}\nroutes:\n  - %s\n",
		a.To, Cluster, a.AWS.CABundle(), a.passwordFile(), a.StateDirectory(), route)
}

func (a *Aurora) passwordFile() string { return filepath.Join(a.Directory, "password") }

// Green is the identifier of green's DB cluster.
func (a *Aurora) Green() string { return fmt.Sprintf("%s-pg%d", Cluster, a.To) }

// Clusters lists the DB clusters that there are.
func (a *Aurora) Clusters(t testing.TB) (names []string) {
	t.Helper()
	answer, err := a.RDS.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range answer.DBClusters {
		names = append(names, *c.DBClusterIdentifier)
	}
	slices.Sort(names)
	return names
}

// Instances lists the DB instances of a DB cluster.
func (a *Aurora) Instances(t testing.TB, cluster string) (names []string) {
	t.Helper()
	answer, err := a.RDS.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range answer.DBInstances {
		if *i.DBClusterIdentifier == cluster {
			names = append(names, *i.DBInstanceIdentifier)
		}
	}
	slices.Sort(names)
	return names
}

// Look takes a view of blue and of AWS. Nobody may write meanwhile.
func (a *Aurora) Look(t testing.TB) View {
	t.Helper()
	programs, err := pgctl.Find(a.From)
	if err != nil {
		t.Fatal(err)
	}
	dump := programs.Command(t.Context(), a.account, "pg_dumpall", "--no-role-passwords", "--exclude-database=rdsadmin", "--no-sync",
		"--dbname", a.Blue.Conninfo("postgres"))
	dump.Env = append(dump.Env, "PGPASSWORD="+a.Password)
	out, err := dump.Output()
	if err != nil {
		t.Fatal("pg_dumpall: ", err)
	}
	v := View{"dump": withoutKeys(string(out)), "clusters": strings.Join(a.Clusters(t), " ")}
	for name, query := range map[string]string{
		"slots": `SELECT coalesce(string_agg(slot_name, ' '), '') FROM pg_replication_slots`,
		"roles": `SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles`,
		"rights": `SELECT string_agg(format('%s %s', datname, e), ' ' ORDER BY datname, e::text)
			FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) e`,
	} {
		v[name] = a.Ask(t, a.Blue, "postgres", query)
	}
	for name, list := range map[string]func() (string, error){
		"cluster parameter groups": func() (names string, err error) {
			answer, err := a.RDS.DescribeDBClusterParameterGroups(t.Context(), &rds.DescribeDBClusterParameterGroupsInput{})
			if err == nil {
				for _, g := range answer.DBClusterParameterGroups {
					names += *g.DBClusterParameterGroupName + " "
				}
			}
			return names, err
		},
		"parameter groups": func() (names string, err error) {
			answer, err := a.RDS.DescribeDBParameterGroups(t.Context(), &rds.DescribeDBParameterGroupsInput{})
			if err == nil {
				for _, g := range answer.DBParameterGroups {
					names += *g.DBParameterGroupName + " "
				}
			}
			return names, err
		},
	} {
		if v[name], err = list(); err != nil {
			t.Fatal(err)
		}
	}
	return v
}
