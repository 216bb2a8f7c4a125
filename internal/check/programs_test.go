package check_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
)

// programs makes a directory with programs of major, linked to the installed ones but for those that are missing or say another version.
func programs(t *testing.T, major int, missing []string, versions map[string]string) pgctl.Programs {
	t.Helper()
	installed, err := pgctl.Find(major)
	if err != nil {
		t.Fatal(err)
	}
	p := pgctl.Programs{Major: major, Directory: pgtest.Directory(t)}
	entries, err := os.ReadDir(installed.Directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Symlink(installed.Path(e.Name()), p.Path(e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	for _, program := range missing {
		if err := os.Remove(p.Path(program)); err != nil {
			t.Fatal(err)
		}
	}
	for program, version := range versions {
		script := fmt.Sprintf("#!/bin/sh\ncase $1 in -V|--version) echo '%s (PostgreSQL) %s (Debian)';; *) exec %s \"$@\";; esac\n",
			program, version, installed.Path(program))
		if err := os.Remove(p.Path(program)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p.Path(program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestProgramsAreCompleteAndOfOneRelease(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	p := programs(t, 18, []string{"psql", "pg_dumpall"}, map[string]string{"pg_restore": "18.1"})
	found := runTarget(t, check.Target{Blue: s.Server, To: 18, Programs: p})
	const fix = "Install the server and client programs of PostgreSQL 18."
	want(t, found, "programs", finding.Upgrade, "program "+p.Path("psql"), fix)
	want(t, found, "programs", finding.Upgrade, "program "+p.Path("pg_dumpall"), fix)
	want(t, found, "programs", finding.Upgrade, "program "+p.Path("pg_restore"), fix)
	if len(with("programs", found)) != 3 {
		t.Errorf("found\n%s", show(found))
	}
	if found := with("programs", run(t, s, 18)); len(found) > 0 {
		t.Errorf("of what is installed found\n%s", show(found))
	}
}

func TestPgUpgradeRefusesSuchPrograms(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	for _, p := range []pgctl.Programs{programs(t, 18, []string{"psql"}, nil), programs(t, 18, nil, map[string]string{"psql": "18.1"})} {
		green := pgctl.Cluster{Programs: p, Account: s.Cluster.Account, DataDirectory: filepath.Join(pgtest.Directory(t), "data")}
		if err := green.Init(t.Context(), "--no-sync"); err != nil {
			t.Fatal(err)
		}
		cmd := p.Command(t.Context(), green.Account, "pg_upgrade", "--check", "--old-bindir", s.Cluster.Directory, "--new-bindir", p.Directory,
			"--old-datadir", s.Cluster.DataDirectory, "--new-datadir", green.DataDirectory)
		cmd.Dir = filepath.Dir(green.DataDirectory)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), `psql" failed`) {
			t.Errorf("pg_upgrade: %v\n%s", err, out)
		}
	}
}

func TestReleasesWithFaultsAreNamed(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 17) // the tests have one without faults
	if found := with("releases", run(t, s, 18)); len(found) > 0 {
		t.Errorf("found\n%s", show(found))
	}
	old := pgtest.Start(t, 15)
	for release, wanted := range map[string]int{"17.1": 3, "17.2": 2, "17.4": 2, "17.5": 0, "16.5": 3, "16.9": 0, "17beta1": 0} {
		major := 16
		if strings.HasPrefix(release, "17") {
			major = 17
		}
		p := programs(t, 17, nil, map[string]string{"postgres": release})
		found := with("releases", runTarget(t, check.Target{Blue: old.Server, To: major, Programs: p}))
		if len(found) != wanted {
			t.Errorf("to %s found\n%s", release, show(found))
		}
		for _, f := range found {
			if f.Blocks != finding.Nothing || !strings.Contains(f.Object, release) {
				t.Errorf("to %s found %+v", release, f)
			}
		}
	}
}
