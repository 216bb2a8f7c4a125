package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const settingsWhy = `Green is given the settings that blue has in its files, from ALTER SYSTEM or on its command line. Major versions drop
settings, rename them, and stop taking some values. pgteal carries over what the new version takes, under the new name where there is one.
Whatever else configures green, a template or a tool, has to know that too, or green does not start with it.`

// changed is a setting that blue has from files, from ALTER SYSTEM or on the command line.
type changed struct {
	assignment
	Running string // in the unit of pg_settings; empty where the session's own hides it, or it is another one until the next restart
	Default string // likewise
}

// changedSQL pairs what the files say with what runs, as pgteal does when it carries settings over: a session's own settings, and those
// of its role and its database, hide both files and command line. A value that waits for a restart counts, an invalid one does not. What
// stands in a file and blue does not know is left out: it does nothing there either.
const changedSQL = `
SELECT s.name,
	CASE WHEN s.source NOT IN ('command line', 'environment variable') AND (f.error IS NULL OR s.pending_restart) AND f.name IS NOT NULL
		THEN f.setting ELSE coalesce(s.setting, '') END,
	CASE WHEN s.source IN ('command line', 'environment variable', 'configuration file', 'default') AND NOT s.pending_restart
		THEN coalesce(s.setting, '') ELSE '' END,
	coalesce(s.boot_val, '')
FROM pg_settings s LEFT JOIN (%s) f ON lower(f.name) = lower(s.name)
WHERE s.context <> 'internal' AND (f.name IS NOT NULL OR s.source IN ('command line', 'environment variable', 'configuration file'))
ORDER BY s.name`

// Of a parameter that the files set several times, the last one counts.
const filesSQL = `SELECT DISTINCT ON (lower(name)) name, setting, error FROM pg_file_settings WHERE name IS NOT NULL ORDER BY lower(name), seqno DESC`

// changed lists what blue has set. Where only the server itself may see the files, it is what they have put into force.
func (s *Session) changed(ctx context.Context) ([]changed, error) {
	files := filesSQL
	if s.altered == nil {
		files = `SELECT NULL AS name, NULL AS setting, NULL AS error WHERE false`
	}
	rows, _ := s.conn.Query(ctx, fmt.Sprintf(changedSQL, files))
	return pgx.CollectRows(rows, pgx.RowToStructByPos[changed])
}

// places are settings that every cluster has its own of. They would lead a program that is asked to blue's files.
var places = map[string]bool{
	"config_file": true, "data_directory": true, "external_pid_file": true, "hba_file": true, "ident_file": true, "port": true,
}

func settings(ctx context.Context, s *Session) ([]finding.Finding, error) {
	all, err := s.changed(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(set changed) bool { return places[set.Name] || set.Running == set.Default })
	written := make([]assignment, len(all))
	for i, set := range all {
		written[i] = set.assignment
	}
	refused, err := s.target.refusals(ctx, written)
	if err != nil {
		return nil, err
	}
	// An old spelling that the target no longer takes, such as password_encryption = on, pgteal carries over by its meaning.
	var running []assignment
	for _, set := range all {
		if refused[set.assignment] != "" && set.Running != "" {
			running = append(running, assignment{set.Name, set.Running})
		}
	}
	refusedToo, err := s.target.refusals(ctx, running)
	if err != nil {
		return nil, err
	}
	var found []finding.Finding
	for _, set := range all {
		f := finding.Finding{Blocks: finding.Nothing, Object: "setting " + set.Name + " of blue"}
		gone := postgres.GoneSettings[strings.ToLower(set.Name)]
		switch why := refused[set.assignment]; {
		case gone.Now != "" && s.To >= gone.Since:
			f.Reason = fmt.Sprintf("Since %d it is called %s. pgteal carries its value over under that name.", gone.Since, gone.Now)
			f.Fix = "Call it " + gone.Now + " in whatever else configures green."
		case why == "" || set.Running != "" && refusedToo[assignment{set.Name, set.Running}] == "":
			continue
		default:
			f.Reason = why + " pgteal leaves it out."
			f.Fix = "Leave it out of whatever else configures green."
		}
		found = append(found, f)
	}
	return found, nil
}
