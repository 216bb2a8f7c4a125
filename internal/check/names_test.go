package check_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/check"
	errs "github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// startEncoded starts a cluster with an encoding.
func startEncoded(t *testing.T, major int, encoding string) *pgtest.Server {
	t.Helper()
	programs, err := pgctl.Find(major)
	if err != nil {
		t.Fatal(err)
	}
	account, err := pgctl.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	c := pgctl.Cluster{Programs: programs, Account: account, DataDirectory: filepath.Join(pgtest.Directory(t), "data")}
	err = c.Init(t.Context(), "--username", pgtest.Superuser, "--auth", "trust", "--no-sync", "--locale", "C", "--encoding", encoding)
	if err != nil {
		t.Fatal(err)
	}
	return pgtest.Run(t, c)
}

func TestNamesThatAreNoUTF8AreFound(t *testing.T) {
	t.Parallel()
	const good, bad = "gut\u00e9 '\\\"", "caf\xe9 '\\\""
	for _, encoding := range []string{"SQL_ASCII", "UTF8", "LATIN1"} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			s := startEncoded(t, 15, encoding)
			s.Exec(t, "postgres", `CREATE DATABASE bytes ENCODING SQL_ASCII TEMPLATE template0`)
			// In a database without an encoding any bytes go.
			s.Exec(t, "bytes", `SET client_encoding = SQL_ASCII`, "CREATE ROLE "+postgres.Ident(bad), "CREATE ROLE "+postgres.Ident(good))
			target := check.Target{Blue: s.Server, To: 18}
			found := runTarget(t, target)
			if encoding == "LATIN1" { // whose names are what its sessions make of them
				if len(with("names", found)) > 0 {
					t.Errorf("found\n%s", show(found))
				}
			} else {
				fix := with("names", found)
				want(t, found, "names", finding.Upgrade, `role "caf\xe9 '\\\""`, "DO $$")
				if len(fix) != 1 {
					t.Fatalf("found\n%s", show(found))
				}
				s.Exec(t, "bytes", fix[0].Fix)
				if found := with("names", runTarget(t, target)); len(found) > 0 {
					t.Errorf("mended, and found\n%s", show(found))
				}
			}
			s.Exec(t, "bytes", `SET client_encoding = SQL_ASCII`, "CREATE DATABASE "+postgres.Ident(good))
			names := []string{bad}
			if encoding == "LATIN1" {
				names = []string{good, bad}
			} else if len(runTarget(t, target)) > 0 {
				t.Error("a name in UTF-8 is none to be found")
			}
			for _, name := range names {
				if name == bad {
					s.Exec(t, "bytes", `SET client_encoding = SQL_ASCII`, "CREATE DATABASE "+postgres.Ident(bad))
				}
				_, err := check.Run(t.Context(), target)
				if errs.KindOf(err) != errs.Forbidden || !strings.Contains(err.Error(), "name of the database") {
					t.Fatalf("%q: %v", name, err)
				}
				s.Exec(t, "bytes", errs.HintOf(err))
			}
			if found := with("names", runTarget(t, target)); len(found) > 0 {
				t.Errorf("mended, and found\n%s", show(found))
			}
		})
	}
}

// pg_upgrade takes the roles over by pg_dumpall.
func TestRolesWithNamesThatAreNoUTF8CannotBeDumped(t *testing.T) {
	t.Parallel()
	s := startEncoded(t, 15, "UTF8")
	programs, err := pgctl.Find(18)
	if err != nil {
		t.Fatal(err)
	}
	dump := func() error {
		return programs.Command(t.Context(), s.Cluster.Account, "pg_dumpall", "--globals-only", "--dbname", s.Conninfo("postgres")).Run()
	}
	s.Exec(t, "postgres", `CREATE DATABASE bytes ENCODING SQL_ASCII TEMPLATE template0`)
	if err := dump(); err != nil {
		t.Fatal(err)
	}
	s.Exec(t, "bytes", `SET client_encoding = SQL_ASCII`, "CREATE ROLE \"caf\xe9\"")
	if err := dump(); err == nil {
		t.Error("pg_dumpall takes the role")
	}
}
