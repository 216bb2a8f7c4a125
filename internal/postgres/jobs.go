package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// JobsSetting lets pg_cron start jobs. JobsIdle is off, in a spelling that tells pgteal's own line in a configuration file from an operator's.
const (
	JobsSetting = "cron.launch_active_jobs"
	JobsIdle    = "no"
)

// WakeJobs lets pg_cron start jobs where pgteal has kept it idle. It may be called again.
func WakeJobs(ctx context.Context, conn *pgx.Conn) error {
	if !isSuperuser(conn) { // the cloud's own parameters say it
		return nil
	}
	var idle bool
	err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_file_settings WHERE name = '`+JobsSetting+`' AND setting = '`+JobsIdle+`')
		AND current_setting('`+JobsSetting+`', true) = 'off'`, pgx.QueryExecModeSimpleProtocol).Scan(&idle)
	if err != nil || !idle {
		return err
	}
	for _, statement := range []string{`ALTER SYSTEM SET ` + JobsSetting + ` = on`, `SELECT pg_reload_conf()`} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("let pg_cron start jobs: %w", err)
		}
	}
	return nil
}
