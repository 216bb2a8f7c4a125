package pgtest

import (
	"path/filepath"
	"testing"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/rights"
)

// StartCloud makes a cluster as Start does, in which nobody is a superuser but the cloud (rights.Install): sessions are those of its master user. The
// second server is reached as the cloud's own superuser.
func StartCloud(t testing.TB, major int, settings ...pgctl.Setting) (master *Server, admin *postgres.Server) {
	t.Helper()
	programs, err := pgctl.Find(major)
	if err != nil {
		t.Fatal(err)
	}
	account, err := pgctl.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	c := pgctl.Cluster{Programs: programs, Account: account, DataDirectory: filepath.Join(Directory(t), "data")}
	err = c.Init(t.Context(), "--username", rights.Admin, "--auth", "trust", "--no-sync", "--locale", "C.UTF-8", "--encoding", "UTF8")
	if err != nil {
		t.Fatal(err)
	}
	master = Run(t, c, settings...)
	admin = master.As(rights.Admin, "", "")
	if err := rights.Install(t.Context(), admin, Superuser); err != nil {
		t.Fatal(err)
	}
	return master, admin
}
