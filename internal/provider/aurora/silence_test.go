package aurora

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

func TestLibrariesThatWorkByThemselvesAreLeftOut(t *testing.T) {
	for libraries, want := range map[string]string{
		"":                                       "",
		"pg_stat_statements":                     "pg_stat_statements",
		"pg_stat_statements,pg_cron":             "pg_stat_statements",
		`pg_cron, pg_hint_plan,"pg_partman_bgw"`: "pg_hint_plan",
		"pg_cron":                                "",
	} {
		if got := withoutBusy(libraries); got != want {
			t.Errorf("of %q there is left %q", libraries, got)
		}
	}
}

func TestTheCloneRunsNoJobsAndGreenDoes(t *testing.T) {
	f := stage(t)
	ctx := t.Context()
	const both = "pg_stat_statements,pg_cron"
	must(t)(f.api.CreateDBClusterParameterGroup(ctx, &rds.CreateDBClusterParameterGroupInput{
		DBClusterParameterGroupName: aws.String("jobs"), DBParameterGroupFamily: aws.String("aurora-postgresql17"), Description: aws.String("jobs"),
	}))
	must(t)(f.api.ModifyDBClusterParameterGroup(ctx, &rds.ModifyDBClusterParameterGroupInput{
		DBClusterParameterGroupName: aws.String("jobs"),
		Parameters:                  []types.Parameter{parameter(logicalReplication, "1"), parameter(preload, both), parameter("work_mem", "8192")},
	}))
	must(t)(f.api.CreateDBCluster(ctx, &rds.CreateDBClusterInput{
		DBClusterIdentifier: aws.String("jobs"), Engine: aws.String(engine), EngineVersion: aws.String(f.latest(t, 17)), DatabaseName: aws.String("shop"),
		MasterUsername: aws.String("postgres"), MasterUserPassword: aws.String(password), DBClusterParameterGroupName: aws.String("jobs"),
	}))
	f.becomes(t, "jobs", "available")
	must(t)(f.api.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("jobs-a"), DBClusterIdentifier: aws.String("jobs"), Engine: aws.String(engine),
		DBInstanceClass: aws.String("db.r6g.large"),
	}))
	f.instanceBecomes(t, "jobs-a", "available")
	f.config.Aurora.Cluster = "jobs"
	blue := f.blue(t, f.provider())
	if v := setting(t, blue, preload); v != both {
		t.Fatalf("blue loads %q", v)
	}
	if _, err := f.provider().Clone(ctx, blue, f.step()); err != nil {
		t.Fatal(err)
	}
	clone, _, err := f.provider().StartClone(ctx, f.step())
	if err != nil {
		t.Fatal(err)
	}
	if v, w := setting(t, clone, preload), setting(t, clone, "work_mem"); v != "pg_stat_statements" || w != "8MB" {
		t.Errorf("the clone loads %q and has work_mem %s", v, w)
	}
	if err := f.provider().Upgrade(ctx, blue, f.step()); err != nil {
		t.Fatal(err)
	}
	green, _, err := f.provider().StartGreen(ctx, blue, f.step())
	if err != nil {
		t.Fatal(err)
	}
	if v := setting(t, green, preload); v != both {
		t.Errorf("green loads %q", v)
	}
	a := f.opened(t)
	if arn, err := a.groupARN(ctx, a.cloneGroup(false)); arn != "" || err != nil {
		t.Errorf("the clone's group is left: %s, %v", arn, err)
	}
}
