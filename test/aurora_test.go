package test

import (
	"testing"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/test/site"
)

// The whole way in Aurora, there and back and there again, under clients through PgBouncer.
func TestAuroraThereAndBackLosesNothing(t *testing.T) {
	a := site.NewAurora(t, 15, 18)
	load := a.Load(t, a.Bouncer.Port, 4)
	for _, command := range []string{"check", "plan", "prepare", "status", "verify", "switchover", "rollback", "switchover"} {
		o := pgteal(t, done, a.Site, command)
		t.Log(o.line, o.stdout, o.stderr)
		site.AwaitWrites(t, load, 4)
	}
	v := a.Judge(t, load, &pgtest.Server{Server: a.Server(t, site.Cluster+"-pg18")})
	if v.Errors > 0 {
		t.Errorf("%d errors", v.Errors)
	}
	o := pgteal(t, done, a.Site, "finish")
	t.Log(o.line, o.stdout, o.stderr)
}
