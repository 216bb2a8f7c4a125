package test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/test/site"
)

// Clients that write to both clusters all the time, as an ordinary role and as a superuser, with READ WRITE transactions
// whatever the default: blue takes their writes until the fence, green from the opening on, and never both.
func TestNeverDoBothClustersTakeWrites(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	load := s.Load(t, s.Blue.Port, 1)
	pgteal(t, done, s, "prepare")
	probers := map[string]*audit.Prober{}
	for _, role := range []string{site.App, pgtest.Superuser} {
		probers[role] = prober(t, s, role)
	}
	await := func(side string) {
		for role, p := range probers {
			pgtest.Eventually(t, patience, side+" takes writes of "+role, func() bool {
				return slices.ContainsFunc(p.Accepted(), func(a audit.Accepted) bool { return a.Side == side })
			})
		}
	}
	await("blue")
	pgteal(t, done, s, "switchover")
	await("green")
	for role, p := range probers {
		reigns := audit.Reigns(p.Stop())
		if len(reigns) != 2 || reigns[0].Side != "blue" || reigns[1].Side != "green" {
			t.Errorf("as %s, writes were taken by %+v", role, reigns)
		}
	}
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
}

// prober tries to write to both clusters as role until the test ends.
func prober(t *testing.T, s *site.Site, role string) *audit.Prober {
	t.Helper()
	var sides []audit.Side
	for name, port := range map[string]int{"blue": s.Blue.Port, "green": s.GreenPort} {
		sides = append(sides, audit.Side{
			Name: name, Database: s.Databases[0], Conninfo: fmt.Sprintf("host=127.0.0.1 port=%d user=%s sslmode=disable", port, role),
			Every: 3 * time.Millisecond,
		})
	}
	p, err := audit.StartProber(t.Context(), sides...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop() })
	return p
}
