package green

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
)

// setting is one of blue's settings for the whole cluster.
type setting struct {
	name    string
	value   string // as the operator wrote it where it comes from a file, else as SHOW has it
	running string // in the unit of pg_settings; empty for an extension's setting whose library is not loaded
	set     bool   // in a configuration file, by ALTER SYSTEM or on the command line; else it is the default
}

// blueSettings pairs what runs with what the files say. The session's own view does not do: what a role, a database or the
// connection has set hides the files' values. Of a parameter that the files set several times, the last one counts. A value that
// waits for a restart is taken from the file, as a restart of blue would take it; one that is invalid is not.
const blueSettings = `
SELECT coalesce(s.name, f.name) AS name,
       CASE WHEN s.source = 'command line' OR s.source = 'environment variable' THEN current_setting(s.name)
            WHEN f.name IS NOT NULL AND (f.error IS NULL OR s.pending_restart) THEN f.setting
            ELSE coalesce(current_setting(s.name, true), f.setting, '') END AS value,
       CASE WHEN s.source IN ('client', 'session', 'user', 'database', 'database user', 'interactive') THEN ''
            WHEN s.pending_restart THEN '' ELSE coalesce(s.setting, '') END AS running,
       coalesce(s.source IN ('command line', 'environment variable', 'configuration file'), false) OR f.name IS NOT NULL AS set
FROM (SELECT * FROM pg_settings WHERE context <> 'internal') s
FULL JOIN (SELECT DISTINCT ON (lower(name)) * FROM pg_file_settings WHERE name IS NOT NULL ORDER BY lower(name), seqno DESC) f
  ON lower(f.name) = lower(s.name)
ORDER BY lower(coalesce(s.name, f.name))`

// readBlue returns blue's settings, defaults included, by name.
func readBlue(ctx context.Context, blue *postgres.Server) ([]setting, error) {
	database, err := blue.MaintenanceDatabase(ctx)
	if err != nil {
		return nil, err
	}
	var all []setting
	err = blue.In(ctx, database, func(conn *pgx.Conn) error {
		rows, _ := conn.Query(ctx, blueSettings) // CollectRows returns its error
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s setting, err error) {
			return s, row.Scan(&s.name, &s.value, &s.running, &s.set)
		})
		return err
	})
	if postgres.SQLState(err) == "42501" { // insufficient_privilege
		return nil, fault.WithHint(fmt.Errorf("read the settings: %w", err),
			"Connect to blue as a superuser: only that may read pg_file_settings.")
	}
	if err != nil {
		return nil, fmt.Errorf("read the settings: %w", err)
	}
	return all, nil
}

// byName returns the setting of that name, the zero setting where blue does not have it.
func byName(all []setting, name string) setting {
	for _, s := range all {
		if strings.EqualFold(s.name, name) {
			return s
		}
	}
	return setting{name: name}
}
