package rename_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
)

func TestCheckFindsNothingInASoundSetUpAndChangesNothing(t *testing.T) {
	s := start(t, time.Millisecond, nowhere, nowhere)
	first := s.names(t)
	for _, green := range []string{s.config.Green, "not-made-yet"} {
		s.config.Green = green
		if findings, err := s.open(t).Check(t.Context()); err != nil || len(findings) > 0 {
			t.Errorf("Check found %+v, %v", findings, err)
		}
		s.called(t, first, before)
	}
	if err := s.open(t).Point(t.Context(), s.green); err != nil {
		t.Fatal(err)
	}
	if findings, err := s.open(t).Check(t.Context()); err != nil || len(findings) > 0 {
		t.Errorf("after Point Check found %+v, %v", findings, err)
	}
	s.called(t, first, after)
}

func TestCheckFindsWhatWouldGoWrong(t *testing.T) {
	deny := func(action string) func(*testing.T, *scene) {
		return func(_ *testing.T, s *scene) { s.Fail(simulator.Fault{Action: action, Code: "AccessDenied", Times: -1}) }
	}
	take := func(cluster, instance string) func(*testing.T, *scene) {
		return func(t *testing.T, s *scene) {
			t.Helper()
			if err := s.Adopt(simulator.Adopted{Cluster: cluster, Instances: []string{instance}, Address: nowhere}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		change func(*testing.T, *scene)
		check  string
		reason string
		fix    string
	}{
		"a name that is taken":       {take("orders-blue", "other"), "names", `"orders-blue"`, "Rename or remove"},
		"an instance name, too":      {take("other", "orders-b-blue"), "names", `"orders-b-blue"`, "Rename or remove"},
		"blue is not called so":      {func(_ *testing.T, s *scene) { s.config.Cluster = "shop" }, "blue", `"orders"`, "name back"},
		"blue is gone":               {func(_ *testing.T, s *scene) { s.config.Blue = "cluster-X" }, "blue", "gone", ""},
		"no right to rename":         {deny("ModifyDBCluster"), "api", "AccessDenied", "rds:ModifyDBCluster"},
		"no right for instances":     {deny("ModifyDBInstance"), "api", "AccessDenied", "rds:ModifyDBInstance"},
		"no right to look at either": {deny("DescribeDBInstances"), "api", "AccessDenied", "rds:DescribeDBInstances"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, time.Millisecond, nowhere, nowhere)
			test.change(t, s)
			findings, err := s.open(t).Check(t.Context())
			if err != nil || len(findings) != 1 {
				t.Fatalf("Check found %+v, %v", findings, err)
			}
			f := findings[0]
			if f.Check != "rename-"+test.check || f.Blocks != finding.Switchover ||
				!strings.Contains(f.Reason, test.reason) || !strings.Contains(f.Fix, test.fix) {
				t.Errorf("Check found %+v", f)
			}
		})
	}
}
