package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Quiet keeps the operator's event triggers from firing for what the session makes and drops from now on: ordinary ones, and from 17 on
// (event_triggers) all of them. Triggers on tables and foreign keys are off, too, so the session must not write the operator's data.
//
// In a cloud it does as much of that as the session's role may: rds_superuser may set session_replication_role.
func Quiet(ctx context.Context, conn *pgx.Conn) error {
	for _, statement := range []string{`SET session_replication_role = replica`, eventTriggersOff} {
		_, err := conn.Exec(ctx, statement)
		if err != nil && (isSuperuser(conn) || SQLState(err) != "42501") { // insufficient_privilege
			return fmt.Errorf("turn event triggers off: %w", err)
		}
	}
	return nil
}

// eventTriggersOff does nothing where the server does not have the setting.
const eventTriggersOff = `SELECT set_config(name, 'off', false) FROM pg_settings WHERE name = 'event_triggers'`

// QuietRole turns event triggers off in all sessions of Role, where the server can (from 17 on). Green may, where blue could not.
func QuietRole(ctx context.Context, conn *pgx.Conn) error {
	major, err := Major(ctx, conn)
	if err == nil && major >= 17 && isSuperuser(conn) {
		_, err = conn.Exec(ctx, `ALTER ROLE `+Role+` SET event_triggers = off`)
	}
	if err != nil {
		return fmt.Errorf("turn event triggers off for role %q: %w", Role, err)
	}
	return nil
}

// quietly runs one statement that makes or drops a subscription. Ordinary event triggers do not fire for it; for the others see QuietRole.
func quietly(ctx context.Context, conn *pgx.Conn, statement string) error {
	if !isSuperuser(conn) {
		if err := Quiet(ctx, conn); err != nil {
			return err
		}
		defer conn.Exec(ctx, `RESET session_replication_role`) //nolint:errcheck // the session writes nothing of the operator's
		_, err := conn.Exec(ctx, statement)
		return err
	}
	_, err := conn.Exec(ctx, `SET LOCAL session_replication_role = replica; `+statement) // one message, so one transaction
	return err
}
