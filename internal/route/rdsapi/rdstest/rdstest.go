// Package rdstest is what tests of routes through Amazon RDS have in common: a simulator with two DB clusters that are servers of the test's.
package rdstest

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
	"github.com/pgteal/pgteal/internal/route"
)

// The DB cluster identifiers of blue and green.
const (
	Blue  = "orders"
	Green = "orders-pg18"
)

// Region is where everything is.
const Region = "eu-west-1"

// Stage is a simulator with blue and green.
type Stage struct {
	*simulator.Simulator
	API *rds.Client
}

// Start starts a simulator with the DB clusters Blue and Green, whose endpoints lead to two servers, as host:port. Blue's instances are orders-a, the
// writer, and orders-b, green's are orders-pg18-1 and orders-pg18-2. The SDK uses it in this test. What AWS takes its time for lasts delay.
func Start(t testing.TB, delay time.Duration, blue, green string) *Stage {
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
	stage := &Stage{s, rds.NewFromConfig(s.Config())}
	err = s.Adopt(simulator.Adopted{Cluster: Blue, Instances: []string{"orders-a", "orders-b"}, Address: blue, Secret: true})
	if err != nil {
		t.Fatal(err)
	}
	tags := []types.Tag{
		{Key: aws.String("pgteal:upgrade"), Value: aws.String("UPGRADE1")},
		{Key: aws.String("pgteal:blue"), Value: aws.String(stage.Endpoint(t, Blue).Cluster)},
	}
	err = s.Adopt(simulator.Adopted{Cluster: Green, Instances: []string{"orders-pg18-1", "orders-pg18-2"}, Address: green, Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	return stage
}

// Endpoint is the cluster endpoint of the DB cluster that has a name now.
func (s *Stage) Endpoint(t testing.TB, name string) route.Endpoint {
	t.Helper()
	answer, err := s.API.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: &name})
	if err != nil {
		t.Fatal(err)
	}
	c := answer.DBClusters[0]
	return route.Endpoint{Host: *c.Endpoint, Port: int(*c.Port), Cluster: *c.DbClusterResourceId}
}
