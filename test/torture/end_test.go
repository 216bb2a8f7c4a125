package torture

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/test/site"
)

// end compares the clusters, ends the upgrade, and judges.
func (r *round) end(hopeless bool, before site.View) {
	r.t.Helper()
	serving := "blue"
	for _, a := range r.attempts() {
		if a.Outcome == "switched" {
			serving = a.To
		}
	}
	r.checkReigns()
	r.logf("the end, with %s serving", serving)
	if !hopeless {
		if c := r.run("verify"); c.code != done { // what clients' logs say is still to come
			r.t.Errorf("%s: exit code %d\n%s", c.line(), c.code, c.said())
		}
	}
	command := map[string]string{"blue": "abort", "green": "finish"}[serving]
	for _, s := range r.plan.end {
		r.attempt(command, s)
	}
	r.must(command)
	site.AwaitWrites(r.t, r.load, r.writers)
	server := r.site.Blue
	if serving == "green" {
		server = r.site.Green(r.t)
	}
	r.verdict = r.site.Judge(r.t, r.load, server)
	for _, trace := range r.site.Traces(r.t, server) {
		r.t.Errorf("left on %s: %s", serving, trace)
	}
	r.checkStrays()
	if serving == "blue" {
		after := r.site.Look(r.t)
		before["dump"], after["dump"] = withoutRows(before["dump"]), withoutRows(after["dump"])
		before.Check(r.t, after)
		return
	}
	r.checkRetiredBlue()
}

// checkRetiredBlue sees that whoever starts blue again finds the cluster that it was.
func (r *round) checkRetiredBlue() {
	r.t.Helper()
	if _, err := r.site.Blue.Cluster.Postmaster(); err == nil {
		r.t.Error("blue still runs")
	}
	if err := r.site.Blue.Cluster.Start(r.t.Context(), r.site.Blue.LogFile); err != nil {
		r.t.Fatal(err)
	}
	for _, trace := range r.site.Traces(r.t, r.site.Blue) {
		r.t.Error("left on blue: ", trace)
	}
	pgtest.Eventually(r.t, time.Minute, "blue lets clients in again", func() bool {
		return r.site.AsApp(r.t, r.site.Blue.Port, "shop", "SELECT 'in'") == "in"
	})
}

// checkStrays looks for what a process leaves that is killed while it replaces a file: a hidden one beside it.
func (r *round) checkStrays() {
	r.t.Helper()
	for _, directory := range []string{
		r.site.Blue.Cluster.DataDirectory, r.site.Green(r.t).Cluster.DataDirectory, filepath.Dir(r.site.Bouncer.IncludeFile),
	} {
		strays, _ := filepath.Glob(filepath.Join(directory, ".*")) // the pattern is well formed
		for _, stray := range strays {
			r.t.Errorf("a file was left behind: %s", stray)
		}
	}
}

// withoutRows leaves out of a dump what clients change: rows, and where sequences stand.
func withoutRows(dump string) string {
	var text strings.Builder
	rows := false
	for line := range strings.Lines(dump) {
		switch {
		case strings.HasPrefix(line, "COPY ") && strings.HasSuffix(line, "FROM stdin;\n"):
			rows = true
		case rows:
			rows = line != "\\.\n"
		case !strings.HasPrefix(line, "SELECT pg_catalog.setval("):
			text.WriteString(line)
		}
	}
	return text.String()
}
