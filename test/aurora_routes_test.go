package test

import (
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
	o := pgteal(t, done, a.Site, "finish")
	t.Log(o.line, o.stdout, o.stderr)
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
