package check_test

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
)

// refusals are the checks that say what pg_upgrade refuses.
var refusals = []string{
	"data-types", "postfix-operators", "polymorphic-functions", "encoding-conversions", "not-null-inheritance", "libraries",
}

// TestPgUpgradeRefusesWhatIsFound asks pg_upgrade about each fault by itself, and about a cluster without any.
func TestPgUpgradeRefusesWhatIsFound(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 13)
	programs, err := pgctl.Find(18)
	if err != nil {
		t.Fatal(err)
	}
	green := pgctl.Cluster{Programs: programs, Account: s.Cluster.Account, DataDirectory: filepath.Join(pgtest.Directory(t), "data")}
	err = green.Init(t.Context(), "--username", pgtest.Superuser, "--no-sync", "--locale", "C.UTF-8",
		"--encoding", "UTF8", "--no-data-checksums")
	if err != nil {
		t.Fatal(err)
	}
	refuses := func() (bool, string) {
		cmd := programs.Command(t.Context(), green.Account, "pg_upgrade", "--check", "--username", pgtest.Superuser,
			"--old-bindir", s.Cluster.Directory, "--new-bindir", programs.Directory,
			"--old-datadir", s.Cluster.DataDirectory, "--new-datadir", green.DataDirectory,
			"--old-port", strconv.Itoa(s.Port), "--new-port", strconv.Itoa(pgtest.FreePort(t)))
		cmd.Dir = filepath.Dir(green.DataDirectory)
		out, err := cmd.CombinedOutput()
		return err != nil, string(out)
	}

	createDatabase(t, s, weird, healthy...)
	if refused, out := refuses(); refused {
		t.Fatalf("pg_upgrade refuses a cluster in which nothing is found:\n%s", out)
	}
	names := strings.NewReplacer("S.", `"We""ird; DROP".`)
	for _, f := range faults {
		if !slices.Contains(refusals, f.check) {
			continue
		}
		createDatabase(t, s, "faulty", `CREATE SCHEMA "We""ird; DROP"`)
		for _, statement := range f.setup {
			s.Exec(t, "faulty", names.Replace(statement))
		}
		if refused, out := refuses(); !refused {
			t.Errorf("%s: pg_upgrade does not refuse %s:\n%s", f.check, f.object, out)
		}
		s.Exec(t, "postgres", `DROP DATABASE faulty`)
	}
}
