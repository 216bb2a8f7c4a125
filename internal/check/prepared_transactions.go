package check

import (
	"context"
	"fmt"
	"time"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const preparedTransactionsWhy = `Creating a replication slot waits, without a limit, for every transaction that has begun to
write, and a prepared transaction ends only when somebody ends it.`

func preparedTransactions(ctx context.Context, s *Session) ([]finding.Finding, error) {
	const sql = `SELECT gid, quote_ident(database::text), owner::text, now() - prepared FROM pg_prepared_xacts ORDER BY prepared`
	type prepared struct {
		GID, Database, Owner string
		Age                  time.Duration
	}
	return find(ctx, s, sql, nil, func(p prepared) finding.Finding {
		gid := postgres.Literal(p.GID)
		return finding.Finding{
			Blocks: finding.Upgrade, Object: fmt.Sprintf("prepared transaction %s in database %s", gid, p.Database),
			Reason: fmt.Sprintf("%s prepared it %s ago. Creating the replication slot waits until it "+
				"ends.", p.Owner, p.Age.Round(time.Second)),
			Fix: fmt.Sprintf("COMMIT PREPARED %s; or ROLLBACK PREPARED %s; as whoever coordinates it says.", gid, gid),
		}
	})
}
