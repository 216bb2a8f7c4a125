package torture

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/test/site"
)

// writers set to work: every kind of work through PgBouncer, and three on connections of their own, which find the cluster that serves as
// libpq's clients do, by target_session_attrs (https://www.postgresql.org/docs/current/libpq-connect.html).
func writers(s *site.Site) (all []audit.Writer) {
	pooled := fmt.Sprintf("host=127.0.0.1 port=%d user=%s sslmode=disable", s.Bouncer.Port, site.App)
	direct := fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d user=%s sslmode=disable target_session_attrs=read-write",
		s.Blue.Port, s.GreenPort, site.App)
	for path, kinds := range map[string][]audit.Work{
		pooled: audit.Works(), direct: {audit.Transfer, audit.Large, audit.Sequence, audit.Single},
	} {
		name := "pooled"
		if path == direct {
			name = "direct"
		}
		for i, kind := range kinds {
			w := audit.Writer{
				ID: name + "-" + string(kind), Work: kind, Database: s.Databases[i%len(s.Databases)], Directory: s.Logs(),
				Conninfo: path, Think: 40 * time.Millisecond, Retry: 40 * time.Millisecond,
			}
			if kind == audit.Large {
				w.Think, w.Rows = 2*time.Second, 3000 // the follower has to keep up on a busy machine
			}
			all = append(all, w)
		}
	}
	return all
}

// load sets the writers to work until the round ends.
func (r *round) startLoad() {
	r.t.Helper()
	all := writers(r.site)
	load, err := audit.Start(context.Background(), all...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := load.Stop(); err != nil {
			r.t.Error(err)
		}
	})
	r.load, r.writers = load, len(all)
	site.AwaitWrites(r.t, load, r.writers)
}

// startProber tries to write to both clusters all the time, as a superuser.
func (r *round) startProber() {
	r.t.Helper()
	var sides []audit.Side
	for name, port := range map[string]int{"blue": r.site.Blue.Port, "green": r.site.GreenPort} {
		sides = append(sides, audit.Side{
			Name: name, Database: r.site.Databases[0], Every: 4 * time.Millisecond, // more would be a load of its own
			Conninfo: fmt.Sprintf("host=127.0.0.1 port=%d user=%s sslmode=disable", port, pgtest.Superuser),
		})
	}
	p, err := audit.StartProber(context.Background(), sides...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { p.Stop() })
	r.prober = p
}

// awaitReign waits until a cluster has taken a write of the prober that began after an instant.
func (r *round) awaitReign(cluster string, after time.Time) {
	r.t.Helper()
	r.eventually(cluster+" takes the prober's writes", func() bool {
		accepted := r.prober.Accepted()
		for i := len(accepted) - 1; i >= 0 && i > len(accepted)-100; i-- {
			if accepted[i].Side == cluster && accepted[i].Begun.After(after) {
				return true
			}
		}
		return false
	})
}

// checkReigns sees that one cluster took writes at a time, and only one that the journal says served.
func (r *round) checkReigns() {
	r.t.Helper()
	want := []string{"blue"}
	for _, a := range r.attempts() {
		if a.Outcome == "switched" {
			want = append(want, a.To)
		}
	}
	var got []string
	reigns := audit.Reigns(r.prober.Stop())
	for _, reign := range reigns {
		got = append(got, reign.Side)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		r.t.Errorf("two writers: the prober's writes were taken by %v, the journal says %v: %+v", got, want, reigns)
	}
}
