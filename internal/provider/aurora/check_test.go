package aurora

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
)

// found are the names of the findings about f's blue.
func (f *scene) found(t *testing.T) (names []string, all []finding.Finding) {
	t.Helper()
	a := f.provider()
	all, err := a.Check(t.Context(), f.blue(t, a))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range all {
		names = append(names, found.Check)
	}
	slices.Sort(names)
	return slices.Compact(names), all
}

func TestNothingIsFoundWhereBlueIsReady(t *testing.T) {
	if _, found := stage(t).found(t); len(found) > 0 {
		t.Errorf("got %+v", found)
	}
}

func TestWhatAWSWouldRefuseIsFoundBefore(t *testing.T) {
	f := stage(t)
	ctx := t.Context()
	f.Rules("sg-0default0000000", simulator.Rule{Protocol: "tcp", From: 1, To: 65535, CIDR: "127.0.0.0/8"})
	f.Quota("DBInstances", 1)
	must(t)(f.api.CreateDBParameterGroup(ctx, &rds.CreateDBParameterGroupInput{
		DBParameterGroupName:   aws.String("orders-pg18"),
		DBParameterGroupFamily: aws.String("aurora-postgresql" + strconv.Itoa(to)), Description: aws.String("x"),
	}))
	must(t)(f.api.ModifyDBClusterParameterGroup(ctx, &rds.ModifyDBClusterParameterGroupInput{
		DBClusterParameterGroupName: aws.String("orders"), Parameters: []types.Parameter{parameter("max_wal_senders", "50")},
	}))
	f.config.Routes = []config.Route{{Libpq: &config.Libpq{Connection: "host=a,b"}}}
	names, all := f.found(t)
	want := []string{"aurora-names", "aurora-network", "aurora-parameters", "aurora-quota", "aurora-route"}
	if !slices.Equal(names, want) {
		t.Errorf("got  %v\nwant %v", names, want)
	}
	for _, found := range all {
		if !slices.ContainsFunc(Kinds, func(k finding.Kind) bool { return k.Name == found.Check }) {
			t.Errorf("nothing is said about %s", found.Check)
		}
		if found.Blocks != finding.Upgrade || found.Object == "" || found.Reason == "" || found.Fix == "" {
			t.Errorf("got %+v", found)
		}
	}
}

func TestPlanShowsTheCallsThatAreMade(t *testing.T) {
	f := stage(t)
	a := f.provider()
	blue := f.blue(t, a)
	var planned []string
	for _, step := range []string{"clone", "clone LSN", "upgrade", "settle green"} {
		actions, err := a.Actions(t.Context(), blue, step)
		if err != nil {
			t.Fatal(err)
		}
		planned = append(planned, actions...)
	}
	text := strings.Join(planned, "\n")
	for _, want := range []string{
		"rds: CreateDBClusterParameterGroup DBClusterParameterGroupName=orders-pg18", "rds.logical_replication=1", "work_mem=8192",
		"rds: RestoreDBClusterToPointInTime DBClusterIdentifier=orders-pg18", "RestoreType=copy-on-write", "pgteal:upgrade=UPGRADE1", "team=orders",
		"rds: CreateDBInstance DBInstanceClass=db.r6g.large DBInstanceIdentifier=orders-pg18-1", "aurora_volume_logical_start_lsn",
		"rds: ModifyDBCluster DBClusterIdentifier=orders-pg18 AllowMajorVersionUpgrade=true ApplyImmediately=true",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	for _, call := range f.Calls() {
		if call.Action == "RestoreDBClusterToPointInTime" {
			t.Error("something was done")
		}
	}
}
