package aurora

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator"
)

// TestEveryWaitGoesOnWhereItWasCutOff ends the process at each thing that it says it waits for, and runs it again.
func TestEveryWaitGoesOnWhereItWasCutOff(t *testing.T) {
	f := stageWith(t, 200*time.Millisecond)
	f.furnish(t)
	blue := f.blue(t, f.provider())
	cut := func(name string, atLeast int, do func(context.Context, *Aurora, *progress.Step) error) {
		t.Helper()
		seen := map[string]bool{}
		for {
			ctx, cancel := context.WithCancel(t.Context())
			err := do(ctx, f.provider(), progress.Reporter(func(e progress.Event) {
				doing := e.Doing
				if at := strings.LastIndex(doing, ", "); at >= 0 { // what follows is the time that it has taken
					doing = doing[:at]
				}
				if doing != "" && !seen[doing] {
					seen[doing] = true
					cancel()
				}
			}).Step("test"))
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("%s, after %v: %v", name, seen, err)
			}
		}
		if len(seen) < atLeast {
			t.Errorf("%s was cut off at %v only", name, seen)
		}
	}
	cut("clone", 4, func(ctx context.Context, a *Aurora, step *progress.Step) error {
		_, err := a.Clone(ctx, blue, step)
		return err
	})
	cut("upgrade", 2, func(ctx context.Context, a *Aurora, step *progress.Step) error { return a.Upgrade(ctx, blue, step) })
	cut("complete", 2, func(ctx context.Context, a *Aurora, step *progress.Step) error { return a.Complete(ctx, step) })
	c := f.cluster(t, "orders-pg18")
	if *c.EngineVersion != f.latest(t, to) || len(c.DBClusterMembers) != 2 {
		t.Errorf("green has version %s and %d instances", *c.EngineVersion, len(c.DBClusterMembers))
	}
	f.isWhole(t)
	upgrades := 0
	for _, call := range f.Calls() {
		if call.Action == "ModifyDBCluster" && call.Error == "" && call.Input["EngineVersion"] != "" {
			upgrades++
		}
	}
	if upgrades != 1 {
		t.Errorf("AWS was asked for %d upgrades", upgrades)
	}
	for limit := 50 * time.Millisecond; ; limit *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		err := f.provider().Discard(ctx)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	if f.cluster(t, "orders-pg18") != nil || len(f.sources(t)) != 1 || f.scaled(t, "orders-pg18") {
		t.Error("something is left")
	}
}

func TestWhatAWSDoesNotDoAtOnceIsRiddenOut(t *testing.T) {
	f := stage(t)
	blue := f.blue(t, f.provider())
	f.Fail(simulator.Fault{Action: "RestoreDBClusterToPointInTime", Cut: true})
	f.Fail(simulator.Fault{Action: "CreateDBInstance", Cut: true})
	f.Fail(simulator.Fault{Action: "CreateDBClusterParameterGroup", Cut: true})
	f.Fail(simulator.Fault{Action: "DescribeDBInstances", Code: "Throttling", Times: 2})
	f.Fail(simulator.Fault{Action: "DescribeDBClusters", Code: "ExpiredToken", After: 3})
	if _, err := f.provider().Clone(t.Context(), blue, f.step()); err != nil {
		t.Fatal(err)
	}
	if !f.heard("credentials have expired") {
		t.Errorf("nothing was said about the credentials: %v", f.said)
	}
	f.Fail(simulator.Fault{Action: "ModifyDBCluster", Cut: true})
	if err := f.provider().Upgrade(t.Context(), blue, f.step()); err != nil {
		t.Fatal(err)
	}
}

func TestWhatEndsBadlyIsNamedWithAHint(t *testing.T) {
	f := stage(t)
	blue := f.blue(t, f.provider())
	for _, c := range []struct {
		fault  simulator.Fault
		limits limits
		parts  []string // of the error
		hint   string   // a part of it
		said   []string // parts of what is said on the way; none: nothing has to be
	}{
		{
			simulator.Fault{Action: "RestoreDBClusterToPointInTime", Code: "DBClusterQuotaExceededFault"},
			f.limits,
			[]string{"clone blue", "orders-pg18"},
			"Service Quotas", nil,
		},
		{
			simulator.Fault{Action: "RestoreDBClusterToPointInTime", Ends: "cloning-failed"},
			f.limits,
			[]string{`"orders-pg18"`, "cloning-failed"},
			"blue is untouched", nil,
		},
		{
			simulator.Fault{Action: "CreateDBInstance", Code: "AccessDenied"},
			f.limits,
			[]string{"create DB instance", "orders-pg18-1"},
			"docs/aurora.md", nil,
		},
		{
			simulator.Fault{Action: "CreateDBInstance", Ends: "insufficient-capacity"},
			f.limits,
			[]string{"orders-pg18-1", "insufficient-capacity"},
			"aurora.instance_class", nil,
		},
		{
			simulator.Fault{Action: "CreateDBInstance", Ends: "contemplating"},
			limits{create: limit, odd: 200 * time.Millisecond},
			[]string{"orders-pg18-1", "contemplating"},
			"The same command waits on",
			[]string{"contemplating", "does not know"},
		},
		{
			simulator.Fault{Action: "CreateDBInstance", Stuck: "creating"},
			limits{create: 2 * time.Second, odd: limit},
			[]string{`"orders-pg18`, "creating"},
			"The same command waits on", nil,
		},
	} {
		f.Fail(c.fault)
		a := f.provider()
		a.limits = c.limits
		_, err := a.Clone(t.Context(), blue, f.step())
		if err == nil || !containsAll(err.Error(), c.parts...) || !strings.Contains(fault.HintOf(err), c.hint) {
			t.Errorf("%+v: got %v\nhint %s", c.fault, err, fault.HintOf(err))
		}
		if c.said != nil && !f.heard(c.said...) {
			t.Errorf("%+v: it was said %v", c.fault, f.said)
		}
		f.Mend()
		if err := f.provider().Discard(t.Context()); err != nil {
			t.Fatal(err)
		}
		if *f.cluster(t, "orders").Status != "available" || f.cluster(t, "orders-pg18") != nil {
			t.Errorf("%+v: blue is not as it was", c.fault)
		}
	}
}

func TestAFailedUpgradeBringsItsReason(t *testing.T) {
	f := stage(t)
	ctx := t.Context()
	blue := f.blue(t, f.provider())
	if _, err := f.provider().Clone(ctx, blue, f.step()); err != nil {
		t.Fatal(err)
	}
	server, _, err := f.provider().StartClone(ctx, f.step())
	if err != nil {
		t.Fatal(err)
	}
	exec(t, server, `SELECT pg_create_logical_replication_slot('left_over', 'pgoutput')`)
	err = f.provider().Upgrade(ctx, blue, f.step())
	if err == nil || !containsAll(err.Error(), "orders-pg18", "slot") || !strings.Contains(fault.HintOf(err), "blue is untouched") {
		t.Errorf("got %v\nhint %s", err, fault.HintOf(err))
	}
	exec(t, server, `SELECT pg_drop_replication_slot('left_over')`)
	if err := f.provider().Upgrade(ctx, blue, f.step()); err != nil {
		t.Errorf("once the reason is gone: %v", err)
	}
}

func TestAForeignClusterOfGreensNameIsLeftAlone(t *testing.T) {
	f := stage(t)
	ctx := t.Context()
	blue := f.blue(t, f.provider())
	must(t)(f.api.CreateDBCluster(ctx, &rds.CreateDBClusterInput{
		DBClusterIdentifier: aws.String("orders-pg18"), Engine: aws.String(engine), EngineVersion: aws.String(f.latest(t, from)),
		MasterUsername: aws.String("postgres"), MasterUserPassword: aws.String(password), Tags: nil,
	}))
	f.becomes(t, "orders-pg18", "available")
	_, err := f.provider().Clone(ctx, blue, f.step())
	if fault.KindOf(err) != fault.Forbidden || !strings.Contains(err.Error(), "did not make it") {
		t.Errorf("got %v", err)
	}
	if err := f.provider().Discard(ctx); err != nil {
		t.Error(err)
	}
	if f.cluster(t, "orders-pg18") == nil {
		t.Error("it was removed")
	}
}

func TestACloneThatSomebodyDeletesIsGone(t *testing.T) {
	f := stage(t)
	ctx := t.Context()
	blue := f.blue(t, f.provider())
	if _, err := f.provider().Clone(ctx, blue, f.step()); err != nil {
		t.Fatal(err)
	}
	must(t)(f.api.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("orders-pg18-1")}))
	must(t)(f.api.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: aws.String("orders-pg18"), SkipFinalSnapshot: aws.Bool(true)}))
	err := f.provider().Upgrade(ctx, blue, f.step())
	if err == nil || !strings.Contains(fault.HintOf(err), "pgteal abort") {
		t.Errorf("got %v\nhint %s", err, fault.HintOf(err))
	}
}
