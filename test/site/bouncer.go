package site

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route/pgbouncer/process"
)

func (s *Site) makeBouncer(t testing.TB) {
	t.Helper()
	if _, err := s.account.Mkdir(filepath.Join(s.Directory, "pgbouncer")); err != nil {
		t.Fatal(err)
	}
	s.startBouncer(t, pgtest.FreePort(t), fmt.Sprintf("[databases]\n; the operator's own remark\n* = host=127.0.0.1 port=%d\n", s.Blue.Port))
	t.Cleanup(func() { s.Bouncer.Stop() })
}

func (s *Site) startBouncer(t testing.TB, port int, databases string) {
	t.Helper()
	var err error
	s.Bouncer, err = process.Start(context.Background(), process.Config{
		Directory: filepath.Join(s.Directory, "pgbouncer"), Port: port, Users: []string{App}, Databases: databases, Settings: s.Pooling,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// RestartBouncer starts a PgBouncer that was stopped, with the files that it has by now.
func (s *Site) RestartBouncer(t testing.TB) {
	t.Helper()
	s.startBouncer(t, s.Bouncer.Port, "")
}
