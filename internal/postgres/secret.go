package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// SecretFile is the libpq password file with Role's password that a server's subscriptions name. It is in the data directory, which nobody
// but the server's own account may enter. A server's processes run in that directory, so the name alone leads there.
const SecretFile = "pgteal.pgpass" //nolint:gosec // a name, no secret

// WriteSecret writes SecretFile on the server, wherever that is, with the password of the session, which is Role's. The password travels as
// data of COPY: no statement holds it, so that no log and no view can show it.
//
// A cloud lets nobody at its files. There the subscriptions hold the password themselves (MakeSubscription).
func WriteSecret(ctx context.Context, conn *pgx.Conn) error {
	if !isSuperuser(conn) {
		return nil
	}
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, statement := range []string{
			`SET LOCAL session_replication_role = replica`, // event triggers of the operator's have nothing to do with it
			`CREATE TEMPORARY TABLE pgteal_secret (line text) ON COMMIT DROP`,
		} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		line := strings.NewReader("*:*:*:" + Role + ":" + conn.Config().Password + "\n") // holds nothing that COPY would read otherwise
		if _, err := conn.PgConn().CopyFrom(ctx, line, `COPY pg_temp.pgteal_secret FROM STDIN`); err != nil {
			return err
		}
		// libpq reads no password file that others may read.
		_, err := tx.Exec(ctx, `COPY pg_temp.pgteal_secret TO PROGRAM
			'umask 077 && cat > `+SecretFile+`.new && sync `+SecretFile+`.new && mv `+SecretFile+`.new `+SecretFile+`'`)
		return err
	})
	if err != nil {
		return fmt.Errorf("write the password file %s: %w", SecretFile, err)
	}
	return nil
}

// RemoveSecret removes what WriteSecret wrote, if it did.
func RemoveSecret(ctx context.Context, conn *pgx.Conn) error {
	if !isSuperuser(conn) {
		return nil
	}
	var there bool
	err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_ls_dir('.') name WHERE name LIKE '`+SecretFile+`%')`).Scan(&there)
	if err == nil && there {
		_, err = conn.Exec(ctx, `COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; rm -f `+SecretFile+` `+SecretFile+`.new'`)
	}
	if err != nil {
		return fmt.Errorf("remove the password file %s: %w", SecretFile, err)
	}
	return nil
}
