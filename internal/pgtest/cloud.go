package pgtest

import (
	"testing"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/rights"
)

// StartCloud makes a cluster as Start does, in which nobody is a superuser but the cloud (rights.Install): sessions are those of its master user. The
// second server is reached as the cloud's own superuser.
func StartCloud(t testing.TB, major int, settings ...pgctl.Setting) (master *Server, admin *postgres.Server) {
	t.Helper()
	master = Run(t, create(t, major, rights.Admin), settings...)
	admin = master.As(rights.Admin, "", "")
	if err := rights.Install(t.Context(), admin, Superuser); err != nil {
		t.Fatal(err)
	}
	return master, admin
}
