package check

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
)

const replicaTriggersWhy = `Apply on green fires triggers that are marked ENABLE ALWAYS or ENABLE REPLICA (row triggers, and those
on TRUNCATE). What they do was already done on blue, and its rows are replicated themselves: done again on green, they make its
data differ.`

// replicaTriggersSQL takes clones of a partitioned table's trigger as what they are, triggers of the partition, which the server
// marks as internal up to version 14. Triggers of constraints are never marked so unless somebody did it.
// Rules are left out: apply does not go through the rewriter, so none fires, however it is marked.
const replicaTriggersSQL = `SELECT format('%I.%I', n.nspname, c.relname), quote_ident(t.tgname), t.tgenabled = 'R'
	FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE t.tgenabled IN ('A', 'R') AND (t.tgtype & 1 <> 0 OR t.tgtype & 32 <> 0) AND ` + published

func replicaTriggers(ctx context.Context, s *Session) ([]finding.Finding, error) {
	type trigger struct {
		Table, Name string
		OnlyReplica bool
	}
	return find(ctx, s, replicaTriggersSQL, nil, func(t trigger) finding.Finding {
		f := finding.Finding{
			Blocks: finding.Upgrade, Object: s.in(fmt.Sprintf("trigger %s on table %s", t.Name, t.Table)),
			Reason: "It is marked ENABLE ALWAYS: it fires on blue, and once more on green when the same change is applied there.",
			Fix:    fmt.Sprintf("ALTER TABLE %s ENABLE TRIGGER %s;", t.Table, t.Name),
		}
		if t.OnlyReplica {
			f.Reason = "It is marked ENABLE REPLICA: clients do not fire it on blue, but every change that is applied on green does."
			f.Fix = fmt.Sprintf("ALTER TABLE %s DISABLE TRIGGER %s;", t.Table, t.Name)
		}
		return f
	})
}
