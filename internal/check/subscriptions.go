package check

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const subscriptionsWhy = `Where blue itself subscribes to another server, its subscriptions are dropped from the clone, or green
would take changes away from blue. Their tables are replicated like others, but nothing continues the subscription on green.`

func subscriptions(ctx context.Context, s *Session) ([]finding.Finding, error) {
	const sql = `SELECT quote_ident(s.subname), quote_ident(d.datname), s.subenabled, coalesce(s.subslotname::text, '')
		FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE NOT starts_with(s.subname::text, $1)`
	type subscription struct {
		Name, Database string
		Enabled        bool
		Slot           string
	}
	return find(ctx, s, sql, []any{postgres.NamePrefix}, func(sub subscription) finding.Finding {
		state := "enabled"
		if !sub.Enabled {
			state = "disabled"
		}
		return finding.Finding{
			Blocks: finding.Switchover, Object: fmt.Sprintf("subscription %s in database %s", sub.Name, sub.Database),
			Reason: fmt.Sprintf("Blue receives changes through it (%s, slot %q on its publisher). It does not continue on green by "+
				"itself.", state, sub.Slot),
			Fix: fmt.Sprintf("DROP SUBSCRIPTION %s; before the switchover, and CREATE SUBSCRIPTION ... WITH (copy_data = false) on "+
				"green after it, "+
				"with no writes on its publisher in between.", sub.Name),
		}
	})
}
