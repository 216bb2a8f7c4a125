package torture

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/test/site"
)

const (
	// maxPause is the configured one. Half of it is how long the fence waits for open transactions.
	maxPause = 5 * time.Second
	// patience is how long a condition may take on a busy machine.
	patience = time.Minute
)

// round is one upgrade under torture.
type round struct {
	t       *testing.T
	plan    plan
	begun   time.Time
	site    *site.Site
	canFill bool   // there are small disks
	proxy   *proxy // nil where there is none
	outputs string // the directory of what the commands say
	load    *audit.Load
	writers int
	prober  *audit.Prober
	running *command
	records []*record
	verdict audit.Verdict
}

// play plays a round.
func play(t *testing.T, p plan, results *tally) {
	t.Helper()
	t.Log(p)
	r := &round{t: t, plan: p, begun: time.Now(), outputs: t.TempDir()}
	defer func() {
		if t.Failed() {
			t.Logf("again: %s=%d make torture", seedVariable, p.seed)
		}
	}()
	defer func() {
		results.add(r)
		r.keepEvidence()
	}()
	r.build()
	before := r.site.Look(t)
	r.startLoad()
	r.must("prepare")
	r.logf("prepared")
	r.startProber()
	hopeless := false
	for i, m := range p.moves {
		hopeless = r.move(i, m)
	}
	r.end(hopeless, before)
}

// build makes the site.
func (r *round) build() {
	r.t.Helper()
	options := site.Options{
		Settings: []string{"wal_retrieve_retry_interval = '500ms'"}, // else nobody applies for 5 s after each disturbance
		Pooling:  map[string]string{"server_login_retry": "0.5"},    // else nobody is let in for 15 s after it
	}
	if r.plan.disk {
		options.GreenIn = "disk"
	}
	r.site = site.New(r.t, options)
	config := strings.Replace(r.site.Config(), "max_pause: 20s", "max_pause: "+maxPause.String(), 1)
	if r.plan.proxy {
		r.proxy = newProxy(r.t, r.site.Blue.Port)
		config = strings.Replace(config, "blue:\n", fmt.Sprintf("blue:\n  connection: host=127.0.0.1 port=%s user=%s\n", r.proxy.port(), pgtest.Superuser), 1)
	}
	r.site.Write(r.t, config)
	if r.plan.disk {
		r.canFill = r.mount(r.site.GreenIn) && r.mount("state")
	}
}

// must runs a command that has to succeed at once.
func (r *round) must(args ...string) {
	r.t.Helper()
	if c := r.run(args...); c.code != done {
		r.t.Fatalf("%s: exit code %d\n%s", c.line(), c.code, c.said())
	}
}

// run runs a command to its end.
func (r *round) run(args ...string) *command {
	r.t.Helper()
	c := r.start(args...)
	r.await(c)
	return c
}

// logf logs what happened, and when in the round.
func (r *round) logf(format string, args ...any) {
	r.t.Helper()
	r.t.Logf("%5.1f s %s", time.Since(r.begun).Seconds(), fmt.Sprintf(format, args...))
}

func (r *round) eventually(what string, condition func() bool) {
	r.t.Helper()
	pgtest.Eventually(r.t, patience, what, condition)
}

// keepEvidence copies what explains a failure to where the test's end does not remove it.
func (r *round) keepEvidence() {
	if !r.t.Failed() || r.site == nil {
		return
	}
	directory := filepath.Join(os.TempDir(), fmt.Sprintf("torture-%d", r.plan.seed))
	_ = os.RemoveAll(directory) // of an earlier run
	files := []string{}
	for _, pattern := range []string{
		r.outputs + "/*", r.site.Directory + "/*.log", r.site.Directory + "/*/green.log", r.site.Directory + "/pgbouncer/*", r.site.Logs() + "/*",
		r.stateDirectory() + "/*.json*",
	} {
		found, _ := filepath.Glob(pattern) // the patterns are well formed
		files = append(files, found...)
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		r.t.Log(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(directory, filepath.Base(file)), content, 0o600)
		}
		if err != nil {
			r.t.Log(err)
		}
	}
	r.t.Logf("the logs, the journal and what the commands said are in %s", directory)
}
