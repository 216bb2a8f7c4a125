package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const publicationsWhy = `Publications of others are on green too, with the clone, but their subscribers go on reading from blue.`

func publications(ctx context.Context, s *Session) ([]finding.Finding, error) {
	const sql = `SELECT quote_ident(pubname) FROM pg_publication WHERE pubname <> $1`
	type publication struct{ Name string }
	return find(ctx, s, sql, []any{postgres.Publication}, func(p publication) finding.Finding {
		return finding.Finding{
			Blocks: finding.Nothing, Object: s.in("publication " + p.Name),
			Reason: "It is on green too, but its subscribers read from blue until they are pointed to green.",
			Fix: "ALTER SUBSCRIPTION ... CONNECTION on its subscribers after the switchover, with a slot created on green before " +
				"its clients write there.",
		}
	})
}
