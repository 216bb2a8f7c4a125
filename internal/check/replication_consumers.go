package check

import (
	"context"
	"fmt"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const replicationConsumersWhy = `Replication slots are not on the clone, so none moves to green: standbys, and consumers of
changes such as Debezium, keep reading from blue until they are pointed to green and begin there anew.`

// replicationConsumersSQL takes slots first, then WAL senders without one: standbys and pg_receivewal. A base backup is neither.
const replicationConsumersSQL = `
	SELECT format('%s replication slot %I', slot_type, slot_name), active, slot_type = 'logical',
		coalesce('plugin ' || plugin || ' in database ' || quote_ident(database), '')
	FROM pg_replication_slots WHERE NOT temporary AND NOT starts_with(slot_name::text, $1)
	UNION ALL
	SELECT format('standby %I at %s', r.application_name, coalesce(host(r.client_addr), 'this host')), true, false, ''
	FROM pg_stat_replication r WHERE r.state <> 'backup' AND NOT EXISTS (SELECT FROM pg_replication_slots s WHERE s.active_pid = r.pid)`

func replicationConsumers(ctx context.Context, s *Session) ([]finding.Finding, error) {
	type consumer struct {
		Name            string
		Active, Logical bool
		Detail          string
	}
	return find(ctx, s, replicationConsumersSQL, []any{postgres.NamePrefix}, func(c consumer) finding.Finding {
		use := "somebody reads it now"
		if !c.Active {
			use = "nobody reads it now"
		}
		f := finding.Finding{
			Blocks: finding.Nothing, Object: c.Name,
			Reason: fmt.Sprintf("It stays on blue (%s). A standby cannot follow green: its files are of the old version.", use),
			Fix:    "Make a new standby from green.",
		}
		if c.Logical {
			f.Reason = fmt.Sprintf("It stays on blue (%s, %s). What its consumer has not read by the switchover, it has to read from "+
				"blue.", c.Detail, use)
			f.Fix = "Create the slot on green before its clients write there, let the consumer read blue's to the end, then point it " +
				"to green."
		}
		return f
	})
}
