package rename_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
	"github.com/pgteal/pgteal/internal/route/rdsapi/rdstest"
)

// nowhere is where the endpoints lead in tests that have no clients.
const nowhere = "127.0.0.1:1"

// The names of what is blue's and of what is green's, in the order of before.
var (
	before = []string{"orders", "orders-a", "orders-b", "orders-pg18", "orders-pg18-1", "orders-pg18-2"}
	after  = []string{"orders-blue", "orders-a-blue", "orders-b-blue", "orders", "orders-a", "orders-b"}
)

// names returns the identifiers that there are, by what bears them.
func (s *scene) names(t *testing.T) map[string]string {
	t.Helper()
	names := map[string]string{}
	clusters, err := s.API.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clusters.DBClusters {
		names[*c.DbClusterResourceId] = *c.DBClusterIdentifier
	}
	instances, err := s.API.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range instances.DBInstances {
		names[*i.DbiResourceId] = *i.DBInstanceIdentifier
	}
	return names
}

// called fails the test unless everything has its name of wanted. first is what names returned at the beginning.
func (s *scene) called(t *testing.T, first map[string]string, wanted []string) {
	t.Helper()
	want := map[string]string{}
	for resource, name := range first {
		want[resource] = wanted[slices.Index(before, name)]
	}
	if now := s.names(t); !maps.Equal(now, want) {
		t.Errorf("the names are %v, want %v", now, want)
	}
}

func TestBluesNamesAreGreensAfterPointAndComeBackByRestore(t *testing.T) {
	s := start(t, time.Millisecond, nowhere, nowhere)
	first := s.names(t)
	for range 2 {
		if err := s.open(t).Point(t.Context(), s.green); err != nil {
			t.Fatal(err)
		}
		s.called(t, first, after)
	}
	if at := s.Endpoint(t, rdstest.Blue); at.Cluster != s.green.Cluster || at.Host != s.blue.Host {
		t.Errorf("blue's name leads to %+v", at)
	}
	for range 2 {
		if err := s.open(t).Restore(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.called(t, first, before)
	}
	if left, err := os.ReadDir(s.config.Directory); err != nil || len(left) > 0 {
		t.Errorf("%v, %v are left", left, err)
	}
}

// A process may die between any two of its requests, and an answer may be lost. The requests are counted in a run that nothing disturbs.
func TestAPointThatWasCutOffAnywhereIsRepeatedAndRestored(t *testing.T) {
	for _, kind := range []simulator.Fault{
		{Action: "ModifyDBCluster", Code: "AccessDenied"},
		{Action: "ModifyDBCluster", Code: "AccessDenied", Afterwards: true},
		{Action: "ModifyDBInstance", Code: "AccessDenied"},
		{Action: "ModifyDBInstance", Code: "AccessDenied", Afterwards: true},
		{Action: "DescribeDBClusters", Code: "AccessDenied"},
		{Action: "ModifyDBCluster", Cut: true},
		{Action: "ModifyDBInstance", Cut: true},
	} {
		most := map[string]int{"ModifyDBCluster": 2, "ModifyDBInstance": 4, "DescribeDBClusters": 3}[kind.Action]
		for n := range most {
			kind.After = n
			t.Run(fmt.Sprintf("%s/%d/afterwards=%t/cut=%t", kind.Action, n, kind.Afterwards, kind.Cut), func(t *testing.T) {
				s := start(t, 5*time.Millisecond, nowhere, nowhere)
				first := s.names(t)
				s.Fail(kind)
				if err := s.open(t).Point(t.Context(), s.green); (err == nil) != kind.Cut {
					t.Fatalf("it ended with %v", err)
				}
				s.Mend()
				if err := s.open(t).Point(t.Context(), s.green); err != nil {
					t.Fatal(err)
				}
				s.called(t, first, after)
				s.Fail(kind)
				if err := s.open(t).Restore(t.Context()); (err == nil) != kind.Cut {
					t.Fatalf("it ended with %v", err)
				}
				s.Mend()
				if err := s.open(t).Restore(t.Context()); err != nil {
					t.Fatal(err)
				}
				s.called(t, first, before)
			})
		}
	}
}

// A rollback may come while a switchover's renames are still under way.
func TestRestoreTakesBackARenameThatIsUnderWay(t *testing.T) {
	s := start(t, 100*time.Millisecond, nowhere, nowhere)
	first := s.names(t)
	ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
	defer cancel()
	if err := s.open(t).Point(ctx, s.green); err == nil || !strings.Contains(fault.HintOf(err), "same command goes on") {
		t.Fatalf("it ended with %v", err)
	}
	if err := s.open(t).Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.called(t, first, before)
}

func TestPointGivesUpWhereAWSWillNotGoOn(t *testing.T) {
	s := start(t, time.Millisecond, nowhere, nowhere)
	s.Fail(simulator.Fault{Action: "ModifyDBInstance", Ends: "storage-full"})
	err := s.open(t).Point(t.Context(), s.green)
	if err == nil || !strings.Contains(err.Error(), "storage-full") || !strings.Contains(fault.HintOf(err), "same command") {
		t.Fatalf("it ended with %v", err)
	}
	if named := s.Endpoint(t, rdstest.Blue); named.Cluster != s.green.Cluster {
		t.Errorf("what can be renamed was not: the clients' name leads to %+v", named)
	}
}

func TestPointTouchesNothingThatIsSomebodyElses(t *testing.T) {
	s := start(t, time.Millisecond, nowhere, nowhere)
	if err := s.Adopt(simulator.Adopted{Cluster: "orders-blue", Instances: []string{"other"}, Address: nowhere}); err != nil {
		t.Fatal(err)
	}
	err := s.open(t).Point(t.Context(), s.green)
	if err == nil || !strings.Contains(err.Error(), `"orders-blue"`) || fault.HintOf(err) == "" {
		t.Errorf("it ended with %v", err)
	}
	if at := s.Endpoint(t, rdstest.Blue); at != s.blue {
		t.Errorf("blue's name leads to %+v", at)
	}
}

func TestAnInstanceThatIsGoneKeepsNobodyFromItsName(t *testing.T) {
	s := start(t, time.Millisecond, nowhere, nowhere)
	if err := s.open(t).Point(t.Context(), s.green); err != nil {
		t.Fatal(err)
	}
	_, err := s.API.DeleteDBInstance(t.Context(), &rds.DeleteDBInstanceInput{
		DBInstanceIdentifier: aws.String("orders-b-blue"), SkipFinalSnapshot: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.open(t).Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at := s.Endpoint(t, rdstest.Blue); at != s.blue {
		t.Errorf("blue's name leads to %+v", at)
	}
}
