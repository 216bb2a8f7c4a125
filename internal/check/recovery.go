package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
)

const recoveryWhy = `A standby takes no writes, so it can neither publish nor be left through a switchover: the primary is what
has to be upgraded.`

func recovery(ctx context.Context, s *Session) ([]finding.Finding, error) {
	standby, err := one[bool](ctx, s, `SELECT pg_is_in_recovery()`)
	if err != nil || !standby {
		return nil, err
	}
	return []finding.Finding{{
		Blocks: finding.Upgrade, Object: "blue",
		Reason: "It is in recovery: this is a standby, or a server that has not finished starting.",
		Fix:    "Name the primary in the configuration.",
	}}, nil
}
