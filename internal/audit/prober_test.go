package audit_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/pgtest"
)

func TestReignsAssumeTheKinderOrder(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	blue := func(from, to int) audit.Accepted {
		return audit.Accepted{Side: "blue", Begun: at(from), Ended: at(to)}
	}
	green := func(from, to int) audit.Accepted {
		return audit.Accepted{Side: "green", Begun: at(from), Ended: at(to)}
	}
	for name, c := range map[string]struct {
		accepted []audit.Accepted
		want     []string
	}{
		"none":                 {nil, nil},
		"one side":             {[]audit.Accepted{blue(1, 2), blue(3, 4)}, []string{"blue"}},
		"a switchover":         {[]audit.Accepted{blue(1, 2), blue(3, 4), green(5, 6), green(7, 8)}, []string{"blue", "green"}},
		"the answer came late": {[]audit.Accepted{blue(1, 2), blue(3, 9), green(5, 6), green(7, 8)}, []string{"blue", "green"}},
		"there and back":       {[]audit.Accepted{green(5, 6), blue(1, 2), blue(7, 8)}, []string{"blue", "green", "blue"}},
		"both at once": {
			[]audit.Accepted{blue(1, 2), green(3, 4), blue(5, 6), green(7, 8)},
			[]string{"blue", "green", "blue", "green"},
		},
		"overlapping from end to end":      {[]audit.Accepted{blue(1, 10), green(1, 10)}, []string{"blue", "green"}},
		"the first is the one to end last": {[]audit.Accepted{blue(1, 20), green(5, 6), green(15, 16)}, []string{"blue", "green"}},
	} {
		var got []string
		for _, r := range audit.Reigns(c.accepted) {
			got = append(got, r.Side)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestProberSeesWhoTakesWrites(t *testing.T) {
	blue, green := newServer(t, 15), newServer(t, 18)
	readOnly := func(s *pgtest.Server, value string) {
		s.Exec(t, "postgres", "ALTER SYSTEM SET default_transaction_read_only = "+value, "SELECT pg_reload_conf()")
	}
	closed := func(s *pgtest.Server, isClosed string) { // to app; the default of read-only would not be enough
		s.Exec(t, "postgres", "ALTER ROLE app CONNECTION LIMIT "+isClosed)
		if isClosed == "0" {
			s.Exec(t, "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
			pgtest.Eventually(t, waitLimit, "no client is left", func() (none bool) {
				const query = "SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'app'"
				err := s.Connect(t, "postgres").QueryRow(t.Context(), query).Scan(&none)
				return err == nil && none
			})
		}
	}
	closed(green, "0")
	p, err := audit.StartProber(t.Context(),
		audit.Side{Name: "blue", Conninfo: conninfo(blue), Database: weird},
		audit.Side{Name: "green", Conninfo: conninfo(green), Database: weird})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop() })
	more := func(side string) {
		t.Helper()
		count := func() (n int) {
			for _, a := range p.Accepted() {
				if a.Side == side {
					n++
				}
			}
			return n
		}
		before := count()
		pgtest.Eventually(t, waitLimit, "writes are accepted by "+side, func() bool { return count() > before+5 })
	}
	more("blue")
	readOnly(blue, "on")
	more("blue") // the hole that a fence has to close
	closed(blue, "0")
	closed(green, "-1")
	more("green")
	sides := func() (names []string) {
		for _, r := range audit.Reigns(p.Accepted()) {
			names = append(names, r.Side)
		}
		return names
	}
	if d := cmp.Diff([]string{"blue", "green"}, sides()); d != "" {
		t.Error(d)
	}
	closed(blue, "-1") // now both take writes
	more("blue")
	more("green")
	if got := sides(); len(got) < 4 {
		t.Errorf("both took writes, and the reigns are %v", got)
	}
}
