package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
)

const programsWhy = `pg_upgrade calls other programs of the new version, and takes them only when they are of its very release (check_bin_dir in
src/bin/pg_upgrade/exec.c). Packages of client and server programs can be of different ones.`

// upgradePrograms are those that pgteal and pg_upgrade call, of the new version.
var upgradePrograms = []string{
	"postgres", "pg_ctl", "initdb", "pg_controldata", "pg_resetwal", "pg_dump", "pg_dumpall", "pg_restore", "psql", "vacuumdb",
}

func programs(ctx context.Context, s *Session) ([]finding.Finding, error) {
	if s.Programs.Directory == "" {
		return nil, nil
	}
	wanted, err := release(ctx, s.Programs, "pg_upgrade")
	if err != nil {
		return nil, err
	}
	var findings []finding.Finding
	for _, program := range upgradePrograms {
		is, err := release(ctx, s.Programs, program)
		found := finding.Finding{
			Blocks: finding.Upgrade, Object: "program " + s.Programs.Path(program),
			Fix: "Install the server and client programs of PostgreSQL " + wanted + " there.",
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			found.Reason = "It is missing, and pg_upgrade calls it."
		case err != nil:
			return nil, err
		case is != wanted:
			found.Reason = fmt.Sprintf("It is of %s, and pg_upgrade, which is of %s, takes programs of its own release only.", is, wanted)
		default:
			continue
		}
		findings = append(findings, found)
	}
	return findings, nil
}

// release returns the release of a program as it says it, such as 18.6 (Debian 18.6-1): pg_upgrade compares all of it.
func release(ctx context.Context, p pgctl.Programs, program string) (string, error) {
	if _, err := os.Stat(p.Path(program)); err != nil {
		return "", err
	}
	out, err := p.Command(ctx, pgctl.Self(), program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", p.Path(program), err)
	}
	_, version, _ := strings.Cut(string(out), "(PostgreSQL) ")
	return strings.TrimSpace(version), nil
}
