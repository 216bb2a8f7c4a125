package upgrade_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/switchover"
	"github.com/pgteal/pgteal/internal/upgrade"
	"github.com/pgteal/pgteal/test/site"
)

// An abort in a cloud, killed on its way, leaves blue as it was found, and nothing in AWS. Another operator, with a state directory of his own, can
// neither go on nor remove what is not his.
func TestAbortInAuroraLeavesNothingBehind(t *testing.T) {
	s := site.NewAurora(t, 15, 18)
	found := s.Look(t)
	kill(t, s.Site, "prepare", point{When: while, Step: "clone"})
	kill(t, s.Site, "prepare", point{When: after, Step: "upgrade", Event: "begun"})
	ours := s.Config()
	s.Write(t, strings.Replace(ours, "upgrade: site", "upgrade: others", 1))
	if said, err := spawn(t, s.Site, "prepare", point{}); err == nil || !strings.Contains(said, "belongs to another upgrade") {
		t.Errorf("another operator: %v\n%s", err, said)
	}
	succeed(t, s.Site, "abort")
	if clusters := s.Clusters(t); !slices.Equal(clusters, []string{site.Cluster, s.Green()}) {
		t.Errorf("after the other operator's abort there are %q", clusters)
	}
	s.Write(t, ours)
	for _, step := range []string{"clone", "slot", "publish"} {
		kill(t, s.Site, "abort", point{When: before, Step: step, Event: "undone"})
	}
	succeed(t, s.Site, "abort")
	succeed(t, s.Site, "abort") // there is nothing left to do, and that is no error
	found.Check(t, s.Look(t))
}

// One upgrade in Aurora, there, back and there again, whose process is killed around every entry that it makes in its journal, while clients
// write, and others try to write to both clusters all the time, also as the master user, whatever the default of a transaction is.
func TestSIGKILLInAuroraLosesNothing(t *testing.T) {
	s := site.NewAurora(t, 15, 18)
	load := s.Load(t, s.Bouncer.Port, writers)
	begun := time.Now()
	die := func(command, step, event string, whens ...string) {
		t.Helper()
		for _, when := range whens {
			at := point{When: when, Step: step, Event: event}
			kill(t, s.Site, command, at)
			t.Logf("%6.1f s: killed %s", time.Since(begun).Seconds(), at)
		}
	}
	for _, step := range upgrade.Plan() {
		if commandOf(step.Name) == "prepare" {
			die("prepare", step.Name, "begun", after)
			die("prepare", step.Name, "done", before)
		}
	}
	succeed(t, s.Site, "prepare")
	for _, cluster := range []string{site.Cluster, s.Green()} { // slots, and where apply is, outlive a failover
		s.Failover(t, cluster)
	}
	succeed(t, s.Site, "prepare")
	site.AwaitWrites(t, load, writers)
	probers := map[string]*audit.Prober{}
	for _, role := range []string{site.App, pgtest.Superuser} {
		var sides []audit.Side
		for name, cluster := range map[string]string{"blue": site.Cluster, "green": s.Green()} {
			sides = append(sides, audit.Side{Name: name, Database: "shop", Conninfo: s.Conninfo(t, cluster, role), Every: 5 * time.Millisecond})
		}
		var err error
		if probers[role], err = audit.StartProber(t.Context(), sides...); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { probers[role].Stop() })
	}
	takes := func(side string) {
		t.Helper()
		for role, p := range probers {
			before := len(p.Accepted())
			pgtest.Eventually(t, time.Minute, side+" takes writes of "+role, func() bool {
				return slices.ContainsFunc(p.Accepted()[before:], func(a audit.Accepted) bool { return a.Side == side })
			})
		}
	}
	takes("blue")
	move := func(command, step string) {
		die(command, step, string(switchover.Fencing), before, after)
		die(command, step, string(switchover.BackedOut), before)
		die(command, step, string(switchover.Committed), before, after)
		die(command, step, string(switchover.Switched), before, after)
		die(command, step, "turned", before)
		succeed(t, s.Site, command)
		site.AwaitWrites(t, load, writers)
	}
	move("switchover", "switchover")
	takes("green")
	move("rollback", "rollback")
	takes("blue")
	succeed(t, s.Site, "switchover")
	takes("green")
	for role, p := range probers {
		var order []string
		reigns := audit.Reigns(p.Stop())
		for _, r := range reigns {
			order = append(order, r.Side)
		}
		if !slices.Equal(order, []string{"blue", "green", "blue", "green"}) {
			t.Errorf("as %s, writes were taken by %+v", role, reigns)
		}
	}
	die("finish", "finish", "blue retired", before)
	die("finish", "finish", "green tidied", before)
	succeed(t, s.Site, "finish")
	site.AwaitWrites(t, load, writers)
	v := s.Judge(t, load, &pgtest.Server{Server: s.Server(t, s.Green())})
	t.Logf("acknowledged %d, errors %d, served by %v, slowest %.0f ms", v.Acknowledged, v.Errors, v.ServedBy, v.MaxLatencyMS)
	if len(v.ServedBy) != 2 {
		t.Errorf("the clients were served by %v, not by both majors", v.ServedBy)
	}
	if readers := s.Instances(t, s.Green()); len(readers) != 2 {
		t.Errorf("green has %q, blue has a writer and a reader", readers)
	}
	if !slices.Equal(s.Clusters(t), []string{site.Cluster, s.Green()}) {
		t.Errorf("AWS has %q", s.Clusters(t))
	}
}
