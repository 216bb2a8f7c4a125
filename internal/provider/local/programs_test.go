package local

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
)

func TestARestartOfBlueThatWouldChangeItsReleaseIsNamed(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	bin := pgtest.Directory(t)
	entries, err := os.ReadDir(s.Cluster.Directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Symlink(s.Cluster.Path(e.Name()), filepath.Join(bin, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	found := func() []finding.Finding {
		t.Helper()
		c := config.Config{Upgrade: "programs", To: 18, Blue: config.Blue{DataDirectory: s.Cluster.DataDirectory, BinDirectory: bin}}
		l, err := New(&c, "")
		if err != nil {
			t.Fatal(err)
		}
		findings, err := l.checkPrograms(t.Context(), s.Server)
		if err != nil {
			t.Fatal(err)
		}
		return findings
	}
	if findings := found(); len(findings) > 0 {
		t.Errorf("found %+v", findings)
	}
	postgres := filepath.Join(bin, "postgres")
	if err := os.Remove(postgres); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(postgres, []byte("#!/bin/sh\necho 'postgres (PostgreSQL) 15.99 (Debian)'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	demand(t, found(), finding.Nothing, bin, "15.99 (Debian)", "Restart blue")
}
