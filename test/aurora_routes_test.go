package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/test/site"
)

// Clients who know only blue's name, and try again, are at green afterwards, and back, and there again, and no write is lost.
func TestAuroraClientsKeepTheNameThereAndBack(t *testing.T) {
	a := site.NewAurora(t, 15, 18)
	a.Write(t, a.ConfigWith("rename: {}"))
	load := a.LoadAt(t, a.Blue.Host(), 4)
	for _, command := range []string{"check", "prepare", "switchover", "rollback", "switchover"} {
		o := pgteal(t, done, a.Site, command)
		t.Log(o.line, o.stdout, o.stderr)
		site.AwaitWrites(t, load, 4)
	}
	for range 2 {
		o := pgteal(t, done, a.Site, "finish")
		t.Log(o.line, o.stdout, o.stderr)
		forgetLastEntry(t, a) // as if it had been killed right before it was done
	}
	a.Judge(t, load, &pgtest.Server{Server: a.Server(t, site.Cluster)})
	answer, err := a.RDS.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{})
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{}
	for _, c := range answer.DBClusters {
		versions[*c.DBClusterIdentifier] = (*c.EngineVersion)[:2]
		if len(c.TagList) > 0 {
			t.Errorf("DB cluster %s has the tags %v", *c.DBClusterIdentifier, c.TagList)
		}
	}
	if len(versions) != 2 || versions[site.Cluster] != "18" || versions[site.Cluster+"-blue"] != "15" {
		t.Errorf("in the end there are %v", versions)
	}
}

// forgetLastEntry takes the last line from the journal.
func forgetLastEntry(t *testing.T, a *site.Aurora) {
	t.Helper()
	file := filepath.Join(a.StateDirectory(), "site", "journal.jsonl")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(content), "\n"), "\n")
	if err := os.WriteFile(file, []byte(strings.Join(lines[:len(lines)-1], "")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Clients of a proxy stay with its endpoint.
func TestAuroraClientsOfAProxyAreLedThereAndBack(t *testing.T) {
	a := site.NewAurora(t, 15, 18)
	a.Write(t, a.ConfigWith("rdsproxy: {name: pool}"))
	proxy, err := a.RDS.CreateDBProxy(t.Context(), &rds.CreateDBProxyInput{
		DBProxyName: aws.String("pool"), EngineFamily: types.EngineFamilyPostgresql, RoleArn: aws.String("arn:aws:iam::123456789012:role/proxy"),
		VpcSubnetIds: []string{"subnet-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.RDS.RegisterDBProxyTargets(t.Context(), &rds.RegisterDBProxyTargetsInput{
		DBProxyName: aws.String("pool"), DBClusterIdentifiers: []string{site.Cluster},
	})
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, time.Minute, "the proxy leads to blue", func() bool {
		answer, err := a.RDS.DescribeDBProxyTargets(t.Context(), &rds.DescribeDBProxyTargetsInput{DBProxyName: aws.String("pool")})
		return err == nil && answer.Targets[1].TargetHealth.State == types.TargetStateAvailable
	})
	load := a.LoadAt(t, *proxy.DBProxy.Endpoint, 4)
	for _, command := range []string{"prepare", "switchover", "rollback", "switchover", "finish"} {
		o := pgteal(t, done, a.Site, command)
		t.Log(o.line, o.stdout, o.stderr)
		site.AwaitWrites(t, load, 4)
	}
	a.Judge(t, load, &pgtest.Server{Server: a.Server(t, site.Cluster+"-pg18")})
}

// A pgteal that is killed while nobody has the name leaves a guard that goes on; so do the same command, and the way back.
func TestAuroraRenamesGoOnAfterSIGKILL(t *testing.T) {
	a := site.NewAurora(t, 15, 18)
	a.Write(t, a.ConfigWith("rename: {}"))
	load := a.LoadAt(t, a.Blue.Host(), 4)
	pgteal(t, done, a.Site, "prepare")
	for _, command := range []string{"switchover", "rollback"} {
		moving := begin(t, a.Site, command)
		pgtest.Eventually(t, time.Minute, "nobody has the name", func() bool { return version(t, a, site.Cluster) == "" })
		if err := moving.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		killed := time.Now()
		_ = moving.end(t)
		site.AwaitWrites(t, load, 4)
		t.Logf("%s: clients write again %s after SIGKILL", command, time.Since(killed).Round(time.Millisecond))
		o := pgteal(t, done, a.Site, command)
		t.Log(o.line, o.stdout, o.stderr)
		if v, want := version(t, a, site.Cluster), map[string]string{"switchover": "18", "rollback": "15"}[command]; v != want {
			t.Errorf("after %s the name is that of version %q", command, v)
		}
	}
	site.AwaitWrites(t, load, 4)
	a.Judge(t, load, a.Blue)
	pgteal(t, done, a.Site, "abort")
	if version(t, a, site.Cluster+"-pg18") != "" || version(t, a, site.Cluster+"-blue") != "" {
		t.Error("abort left a DB cluster behind")
	}
}

// version is the major version of the DB cluster that has a name now, "" where none has.
func version(t *testing.T, a *site.Aurora, name string) string {
	t.Helper()
	answer, err := a.RDS.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range answer.DBClusters {
		if *c.DBClusterIdentifier == name {
			return (*c.EngineVersion)[:2]
		}
	}
	return ""
}
