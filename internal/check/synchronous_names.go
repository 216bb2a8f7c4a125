package check

import (
	"context"
	"slices"
	"strings"

	"github.com/pgteal/pgteal/internal/finding"
)

const synchronousNamesWhy = `A * in synchronous_standby_names takes whoever replicates for a standby, green's subscriptions too. Commits on blue may
then wait for green, and once blue's standby is gone green alone acknowledges them, which does not keep blue's files.`

func synchronousNames(_ context.Context, s *Session) ([]finding.Finding, error) {
	const name = "synchronous_standby_names"
	value := s.settings[name].Value
	if !slices.Contains(standbyNames(value), "*") {
		return nil, nil
	}
	return []finding.Finding{{
		Blocks: finding.Nothing, Object: "setting " + name + " of blue",
		Reason: "It is " + value + ", and its * takes green's subscriptions for synchronous standbys.",
		Fix: "Name the standbys by their application_name instead, as in ALTER SYSTEM SET " + name +
			" = 'FIRST 1 (standby_1, standby_2)'; SELECT pg_reload_conf();",
	}}, nil
}

// standbyNames are the names in "FIRST 1 (a, b)", "ANY 2 (*)", "2 (a, b)" or "a, b"
// (https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-SYNCHRONOUS-STANDBY-NAMES). "*" is no name, quoted or not.
func standbyNames(value string) []string {
	if _, in, found := strings.Cut(value, "("); found {
		value, _, _ = strings.Cut(in, ")")
	}
	return list(value)
}
