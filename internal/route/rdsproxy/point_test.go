package rdsproxy_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
	"github.com/pgteal/pgteal/internal/route"
)

// nowhere is where the endpoints lead in tests that have no clients.
const nowhere = "127.0.0.1:1"

// A process may die between any two of its requests, and an answer may be lost.
func TestAPointThatWasCutOffAnywhereIsRepeatedAndRestored(t *testing.T) {
	const denied = "AccessDenied"
	for name, cut := range map[string]simulator.Fault{
		"before the first look":                {Action: "DescribeDBClusters", Code: denied},
		"before blue is taken out":             {Action: "DeregisterDBProxyTargets", Code: denied},
		"after blue is taken out":              {Action: "DeregisterDBProxyTargets", Code: denied, Afterwards: true},
		"before green is put in":               {Action: "RegisterDBProxyTargets", Code: denied},
		"after green is put in":                {Action: "RegisterDBProxyTargets", Code: denied, Afterwards: true},
		"while the proxy gets to know green":   {Action: "DescribeDBProxyTargets", Code: denied, After: 2},
		"with the first answer broken off":     {Action: "DescribeDBClusters", Cut: true},
		"with the answer of taking out broken": {Action: "DeregisterDBProxyTargets", Cut: true},
		"with the answer of putting in broken": {Action: "RegisterDBProxyTargets", Cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, 150*time.Millisecond, nowhere, nowhere)
			s.Fail(cut)
			if err := s.open(t).Point(t.Context(), s.green); (err == nil) != cut.Cut {
				t.Fatalf("it ended with %v", err)
			}
			if err := s.open(t).Point(t.Context(), s.green); err != nil {
				t.Fatal(err)
			}
			s.leadsTo(t, s.green)
			s.Fail(cut)
			if err := s.open(t).Restore(t.Context()); (err == nil) != cut.Cut {
				t.Fatalf("it ended with %v", err)
			}
			if err := s.open(t).Restore(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.leadsTo(t, s.blue)
		})
	}
}

// A pgteal that died after it had taken blue out, and whose state directory is lost, leaves a proxy with no target.
func TestPointAndRestoreNeedNoTargetToBeginWith(t *testing.T) {
	s := start(t, time.Millisecond, nowhere, nowhere)
	s.deregister(t, "orders")
	if found, err := s.open(t).Where(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("it leads to %+v, %v", found, err)
	}
	if err := s.open(t).Point(t.Context(), s.green); err != nil {
		t.Fatal(err)
	}
	s.leadsTo(t, s.green)
	if err := s.open(t).Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.leadsTo(t, s.blue)
}

func TestPointWaitsUntilTheProxyReachesItsTarget(t *testing.T) {
	const delay = 300 * time.Millisecond
	s := start(t, delay, nowhere, nowhere)
	begun := time.Now()
	if err := s.open(t).Point(t.Context(), s.green); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < delay {
		t.Errorf("Point returned after %s, and the proxy takes %s", took, delay)
	}
}

func TestPointThatRunsOutOfTimeSaysWhatItWaitsFor(t *testing.T) {
	s := start(t, time.Millisecond, nowhere, nowhere)
	s.Fail(simulator.Fault{Action: "RegisterDBProxyTargets", Stuck: string(types.TargetStateRegistering)})
	ctx, cancel := context.WithCancel(t.Context())
	before, ended := len(s.Calls()), make(chan error, 1)
	go func() { ended <- s.open(t).Point(ctx, s.green) }()
	// A second look after green is put in comes only once the first has seen that it is not reached.
	pgtest.Eventually(t, time.Minute, "Point has seen that green is not reached", func() bool {
		calls := s.Calls()[before:]
		put := slices.IndexFunc(calls, func(call simulator.Call) bool { return call.Action == "RegisterDBProxyTargets" })
		looks := 0
		for _, call := range calls[put+1:] {
			if call.Action == "DescribeDBProxyTargets" {
				looks++
			}
		}
		return put >= 0 && looks >= 2
	})
	cancel()
	err := <-ended
	if err == nil || !strings.Contains(err.Error(), "REGISTERING") || !strings.Contains(fault.HintOf(err), "describe-db-proxy-targets") {
		t.Errorf("Point that runs out of time ends with %v (%s)", err, fault.HintOf(err))
	}
	s.Mend()
	if err := s.open(t).Point(t.Context(), s.green); err != nil {
		t.Error(err)
	}
}

func TestForgetLeavesNothingBehindAndEndsTheWayBack(t *testing.T) {
	s := start(t, time.Millisecond, nowhere, nowhere)
	if err := s.open(t).Point(t.Context(), s.green); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.open(t).Forget(); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(s.config.Directory); err != nil || len(left) > 0 {
		t.Errorf("%v, %v are left", left, err)
	}
	if err := s.open(t).Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.leadsTo(t, s.green)
}

func TestErrorsSayWhatToDo(t *testing.T) {
	s := start(t, time.Millisecond, nowhere, nowhere)
	for code, hint := range map[string]string{
		"AccessDenied":                          "rds:RegisterDBProxyTargets",
		"ExpiredToken":                          "have expired",
		"SignatureDoesNotMatch":                 "this host's clock",
		"InsufficientAvailableIPsInSubnetFault": "the proxy's subnets",
	} {
		s.Fail(simulator.Fault{Action: "RegisterDBProxyTargets", Code: code, Times: -1})
		err := s.open(t).Point(t.Context(), s.green)
		s.Mend()
		if err == nil || !strings.Contains(err.Error(), code) || !strings.Contains(err.Error(), `"orders-pg18"`) || !strings.Contains(fault.HintOf(err), hint) {
			t.Errorf("%s: the error is %v, its hint %q", code, err, fault.HintOf(err))
		}
		if err != nil && strings.Contains(err.Error()+fault.HintOf(err), simulator.SecretKey) {
			t.Errorf("%s: the error shows the secret key", code)
		}
	}
	if err := s.open(t).Point(t.Context(), route.Endpoint{Host: "10.0.0.1", Port: 5432}); err == nil {
		t.Error("a place that is no DB cluster was taken")
	}
}
