package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
)

// createWithSecret makes the subscription with the password in its connection string, as a cloud has no password file. Only superusers
// and members of pg_read_all_data may read that column of pg_subscription (https://www.postgresql.org/docs/current/catalog-pg-subscription.html).
//
// The statement travels as data of COPY and runs within another one, whose text is all that logs and views show. An error in it would show the
// statement as its context, so it is raised anew. Modules that record nested statements are asked first.
func (s Subscription) createWithSecret(ctx context.Context, conn *pgx.Conn, publisherMajor, subscriberMajor int) error {
	if err := nothingRecordsNested(ctx, conn); err != nil {
		return err
	}
	if err := Quiet(ctx, conn); err != nil {
		return err
	}
	defer conn.Exec(ctx, `RESET session_replication_role`) //nolint:errcheck // the session writes nothing of the operator's
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var authorities string
		if err := tx.QueryRow(ctx, `SELECT coalesce(current_setting('ssl_ca_file', true), '')`).Scan(&authorities); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `CREATE TEMPORARY TABLE pgteal_secret (statement text) ON COMMIT DROP`); err != nil {
			return err
		}
		statement := s.createSQL(s.Publisher.secretConninfo(s.Database, authorities), publisherMajor, subscriberMajor)
		data := strings.NewReader(copyText(statement) + "\n")
		if _, err := conn.PgConn().CopyFrom(ctx, data, `COPY pg_temp.pgteal_secret FROM STDIN`); err != nil {
			return errors.New("hand the statement over: " + SQLState(err)) // the error may show the line
		}
		_, err := tx.Exec(ctx, `DO $$ BEGIN
			EXECUTE (SELECT statement FROM pg_temp.pgteal_secret);
		EXCEPTION WHEN OTHERS THEN
			RAISE EXCEPTION USING MESSAGE = SQLERRM, ERRCODE = SQLSTATE;
		END $$`)
		return err
	})
}

// copyText escapes a value for the text format of COPY (https://www.postgresql.org/docs/current/sql-copy.html).
func copyText(value string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(value)
}

// secretConninfo is Conninfo with the password. authorities is the file with the certificates that the subscriber trusts, in its own file
// system; "" for none: the connection is then encrypted, but the publisher is not asked who it is.
func (s *Server) secretConninfo(database, authorities string) string {
	server := s.copy()
	server.rootcert = authorities
	conninfo := server.Conninfo(database)
	if authorities == "" {
		conninfo = strings.Replace(conninfo, "sslmode=verify-full", "sslmode=require", 1)
	}
	return conninfo + " password=" + conninfoValue(s.config.Password)
}

// nothingRecordsNested is an error where a module would write down statements that run within others. CreateRole has tried to keep Role out of it.
func nothingRecordsNested(ctx context.Context, conn *pgx.Conn) error {
	var statements, audit string
	err := conn.QueryRow(ctx, `SELECT CASE WHEN coalesce(current_setting('pg_stat_statements.track_utility', true), 'off') = 'on'
		THEN coalesce(current_setting('pg_stat_statements.track', true), '') ELSE '' END, coalesce(current_setting('pgaudit.log', true), '')`).
		Scan(&statements, &audit)
	switch {
	case err != nil:
		return fmt.Errorf("ask what records statements: %w", err)
	case statements == "all":
		return recorded("pg_stat_statements.track", "top")
	case audit != "" && audit != "none":
		return recorded("pgaudit.log", "none")
	}
	return nil
}

func recorded(setting, value string) error {
	return fault.New(fault.Forbidden, fmt.Errorf("%s would record the password of role %q", setting, Role),
		fmt.Sprintf("ALTER ROLE %s SET %s = '%s'; or set it so in the parameter group, until pgteal finish.", Role, setting, value))
}
