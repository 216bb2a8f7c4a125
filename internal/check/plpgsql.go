package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
)

const plpgsqlWhy = `The barrier with which pgteal compares two running clusters exactly is a trigger in PL/pgSQL.`

func plpgsql(ctx context.Context, s *Session) ([]finding.Finding, error) {
	there, err := one[bool](ctx, s, `SELECT EXISTS (SELECT FROM pg_language WHERE lanname = 'plpgsql')`)
	if err != nil || there {
		return nil, err
	}
	return []finding.Finding{{
		Blocks: finding.Upgrade, Object: s.in("language plpgsql"),
		Reason: "It was dropped there, and the barrier that makes verification exact is a trigger written in it.",
		Fix:    "CREATE EXTENSION plpgsql;",
	}}, nil
}
