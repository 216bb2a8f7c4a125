package check

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/pgteal/pgteal/internal/finding"
)

const longTransactionsWhy = `Creating a replication slot waits for every transaction that has begun to write, and the switchover
ends those that are still open when it fences blue. One that is minutes old will be in the way of both.`

// DefaultLongTransaction holds where Target.LongTransaction is 0.
const DefaultLongTransaction = 5 * time.Minute

func longTransactions(ctx context.Context, s *Session) ([]finding.Finding, error) {
	const sql = `SELECT pid, coalesce(usename, '')::text, coalesce(quote_ident(datname), ''), coalesce(state, ''), now() - xact_start,
			backend_xid IS NOT NULL
		FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND application_name <> 'pgteal' AND now() - xact_start > $1
		ORDER BY xact_start`
	type transaction struct {
		PID                   int32
		User, Database, State string
		Age                   time.Duration
		Writes                bool
	}
	return find(ctx, s, sql, []any{cmp.Or(s.LongTransaction, DefaultLongTransaction)}, func(t transaction) finding.Finding {
		reason := fmt.Sprintf("It has been open for %s (%s). It has written nothing so far, but the switchover will end it if it is "+
			"still there.",
			t.Age.Round(time.Second), t.State)
		if t.Writes {
			reason = fmt.Sprintf("It has been open for %s (%s) and has written: creating the replication slot waits until it ends.",
				t.Age.Round(time.Second), t.State)
		}
		return finding.Finding{
			Blocks: finding.Nothing, Object: fmt.Sprintf("transaction of process %d, user %s, in database %s", t.PID, t.User, t.Database),
			Reason: reason,
			Fix:    fmt.Sprintf("SELECT pg_terminate_backend(%d);", t.PID),
		}
	})
}
