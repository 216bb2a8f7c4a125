package test

import (
	"slices"
	"testing"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/test/site"
)

// There and back, twice, under clients through PgBouncer and a prober that tries to write to both clusters directly, all the time. What
// green took is on blue in the end, nobody saw an error, and never did both take writes. Then abort leaves nothing behind.
func TestThereAndBackLosesNothing(t *testing.T) {
	s := site.New(t, site.Options{})
	load := s.Load(t, s.Bouncer.Port, 4)
	pgteal(t, done, s, "prepare")
	p := prober(t, s, pgtest.Superuser)
	await := func(reigns int, side string) {
		t.Helper()
		pgtest.Eventually(t, patience, side+" takes the prober's writes", func() bool {
			r := audit.Reigns(p.Accepted())
			return len(r) == reigns && r[reigns-1].Side == side
		})
		site.AwaitWrites(t, load, 4)
	}
	await(1, "blue")
	for i := range 2 {
		pgteal(t, done, s, "switchover")
		await(2+2*i, "green")
		if serving := at(t, pgteal(t, done, s, "status", "--json").document(t), "serving"); serving != "green" {
			t.Errorf("%v serves after the switchover", serving)
		}
		pgteal(t, done, s, "rollback")
		await(3+2*i, "blue")
	}
	reigns := audit.Reigns(p.Stop())
	var order []string
	for _, r := range reigns {
		order = append(order, r.Side)
	}
	if !slices.Equal(order, []string{"blue", "green", "blue", "green", "blue"}) {
		t.Errorf("writes were taken by %+v", reigns)
	}
	pgteal(t, forbidden, s, "rollback", "--dry-run") // blue serves, and what follows it is left alone
	pgteal(t, done, s, "verify")
	v := s.Judge(t, load, s.Blue)
	if v.Errors > 0 || len(v.ServedBy) != 2 {
		t.Errorf("%d errors, served by %v", v.Errors, v.ServedBy)
	}
	t.Logf("acknowledged %d, slowest %.0f ms", v.Acknowledged, v.MaxLatencyMS)
	pgteal(t, done, s, "abort")
	for _, trace := range s.Traces(t, s.Blue) {
		t.Error("left on blue: ", trace)
	}
}
