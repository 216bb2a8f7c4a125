package check

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
)

const versionWhy = `pg_upgrade goes to newer major versions only. pgteal upgrades from 11 on, the oldest version that its tests
and Aurora's technique cover. PostgreSQL 17.0 to 17.5 refuse to run under pg_upgrade while max_slot_wal_keep_size is limited.`

func version(ctx context.Context, s *Session) ([]finding.Finding, error) {
	blue := fmt.Sprintf("blue, PostgreSQL %d.%d", s.Major, s.Minor)
	switch {
	case s.Major < pgctl.Oldest:
		return []finding.Finding{{
			Check: "version", Blocks: finding.Upgrade, Object: blue,
			Reason: fmt.Sprintf("pgteal upgrades from PostgreSQL %d on.", pgctl.Oldest),
			Fix:    fmt.Sprintf("Upgrade blue to %d or later by other means first.", pgctl.Oldest),
		}}, nil
	case s.To <= s.Major:
		return []finding.Finding{{
			Blocks: finding.Upgrade, Object: blue,
			Reason: fmt.Sprintf("The version wanted, %d, is not newer than blue's.", s.To),
			Fix:    fmt.Sprintf("Set `to` in the configuration to %d or later.", s.Major+1),
		}}, nil
	}
	if keep, ok := s.number("max_slot_wal_keep_size"); !ok || keep < 0 {
		return nil, nil
	}
	if s.Major == 17 && s.Minor < 6 {
		return []finding.Finding{{
			Blocks: finding.Upgrade, Object: blue,
			Reason: "Before 17.6 a server does not start under pg_upgrade while max_slot_wal_keep_size is limited in its configuration.",
			Fix:    "Install the latest minor release of PostgreSQL 17, or " + s.set("max_slot_wal_keep_size", "-1", false),
		}}, nil
	}
	minor, err := targetMinor(ctx, s.Programs)
	if err != nil || s.To != 17 || minor >= 6 {
		return nil, err
	}
	return []finding.Finding{{
		Blocks: finding.Nothing, Object: fmt.Sprintf("the programs of PostgreSQL 17.%d in %s", minor, s.Programs.Directory),
		Reason: "Before 17.6 a server does not start under pg_upgrade while max_slot_wal_keep_size is limited, as it is on blue. " +
			"pgteal carries the setting over after the upgrade.",
		Fix: "Install the latest minor release of PostgreSQL 17.",
	}}, nil
}

// targetMinor returns the minor release of programs, 99 where they are unknown or are no release (18beta1).
func targetMinor(ctx context.Context, programs pgctl.Programs) (int, error) {
	const unknown = 99
	if programs.Directory == "" {
		return unknown, nil
	}
	out, err := programs.Command(ctx, pgctl.Self(), "postgres", "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("ask %s for its version: %w", programs.Path("postgres"), err)
	}
	m := regexp.MustCompile(`\d+\.(\d+)`).FindSubmatch(out)
	if m == nil {
		return unknown, nil
	}
	return strconv.Atoi(string(m[1]))
}
