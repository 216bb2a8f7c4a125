package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const eventTriggersWhy = `pgteal makes a schema and a publication on blue, subscriptions on blue and green, and drops them again. Its sessions fire
no event triggers for that, unless those are marked ENABLE ALWAYS or ENABLE REPLICA: before version 17, which has the setting event_triggers,
nothing keeps these from firing. What raises an error then stops the upgrade, and what keeps a log leaves more on blue than pgteal takes away.`

// ownTags are the commands by which pgteal changes a blue.
const ownTags = `'{CREATE SCHEMA, CREATE TABLE, CREATE FUNCTION, CREATE TRIGGER, ALTER TABLE, CREATE PUBLICATION, ALTER PUBLICATION, CREATE SUBSCRIPTION,
	ALTER SUBSCRIPTION, DROP SUBSCRIPTION, DROP PUBLICATION, DROP SCHEMA}'::text[]`

// eventTriggers leaves out those of extensions, which keep account of the extension's own objects, and those of a cloud's superuser.
func eventTriggers(ctx context.Context, s *Session) ([]finding.Finding, error) {
	const sql = `SELECT evtname, quote_ident(evtname), evtenabled = 'R' FROM pg_event_trigger e
		WHERE evtenabled IN ('A', 'R') AND evtevent IN ('ddl_command_start', 'ddl_command_end', 'sql_drop') AND (evttags IS NULL OR evttags && ` + ownTags + `)
		AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_event_trigger'::regclass AND objid = e.oid AND deptype = 'e')
		AND NOT (current_setting('is_superuser') = 'off' AND EXISTS (SELECT FROM pg_roles r WHERE r.oid = evtowner AND rolsuper))`
	if s.Major >= 17 {
		return nil, nil
	}
	type trigger struct {
		Name, Quoted string
		OnlyReplica  bool
	}
	return find(ctx, s, sql, nil, func(t trigger) finding.Finding {
		f := finding.Finding{
			Blocks: finding.Upgrade, Object: s.in("event trigger " + t.Quoted),
			Reason: "It is marked ENABLE ALWAYS, so it fires for what pgteal makes on blue and drops again, and may refuse or record it.",
			Fix:    "ALTER EVENT TRIGGER " + t.Quoted + " ENABLE;",
		}
		if t.OnlyReplica {
			f.Reason = "It is marked ENABLE REPLICA, so clients do not fire it, but pgteal does by what it makes on blue and drops again."
			f.Fix = "ALTER EVENT TRIGGER " + t.Quoted + " DISABLE;"
			return f
		}
		always := "ALTER EVENT TRIGGER " + t.Quoted + " ENABLE ALWAYS"
		f.Repair = &finding.Repair{
			SQL:      "ALTER EVENT TRIGGER " + t.Quoted + " ENABLE",
			Undo:     always,
			TakeBack: "SELECT " + postgres.Literal(always) + " FROM pg_event_trigger WHERE evtenabled = 'O' AND evtname = " + postgres.Literal(t.Name),
		}
		return f
	})
}
