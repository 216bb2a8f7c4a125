package postgres

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
)

// scramIterations is 1, the least that PostgreSQL takes: iterations protect passwords that can be guessed, and this one is 256 random
// bits. Each saves time within the pause, where pgteal connects anew to see the fence at work.
const scramIterations = 1

// NewPassword returns a password for Role. It needs no quoting anywhere.
func NewPassword() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(secret)
}

// CreateRole makes Role for upgrade, or gives it this password where upgrade has made it. A role of that name that is somebody else's stays as it
// is, which is an error. The server never sees the password itself, only its SCRAM
// verifier (https://www.postgresql.org/docs/current/catalog-pg-authid.html), so that no log can hold it.
//
// Role is a superuser because the fence needs one, and so does publishing tables of many owners. In a cloud it gets the rights of owners instead,
// the roles without which it could not (Owners). What databases set for everybody must not reach its replication workers, so it has settings of
// its own.
func CreateRole(ctx context.Context, conn *pgx.Conn, upgrade, password string, owners []string) error {
	taken, made, err := TakenRole(ctx, conn, upgrade)
	if err != nil {
		return err
	}
	if taken != nil {
		return fault.New(fault.Forbidden, fmt.Errorf("make %s: %s", taken.Object, taken.Reason), taken.Free)
	}
	verifier, err := scramVerifier(password)
	if err != nil {
		return err
	}
	role := Ident(Role)
	attributes := " LOGIN PASSWORD "
	if isSuperuser(conn) {
		attributes = " LOGIN SUPERUSER REPLICATION PASSWORD "
	}
	var statements []string
	switch {
	case !made:
		statements = []string{"CREATE ROLE " + role + attributes + Literal(verifier), markRoleSQL(upgrade)}
	case isSuperuser(conn): // elsewhere, until 15, nobody may alter a role that replicates; its password has not changed since it was made
		statements = []string{"ALTER ROLE " + role + attributes + Literal(verifier)}
	}
	for _, owner := range owners {
		statements = append(statements, "GRANT "+Ident(owner)+" TO "+role)
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, statement := range statements {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("make role %q: %w", Role, err)
			}
		}
		return SettleRole(ctx, tx.Conn())
	})
	if err != nil {
		return err
	}
	return keepUnrecorded(ctx, conn)
}

// roleSettings keep what is set for everybody from Role's sessions, WAL senders and apply workers. A WAL sender is in a transaction while it sends
// one, an apply worker while it applies one or waits for a lock, and a large one that comes in parts lies in temporary files. An apply worker
// that is busy does not answer, so wal_sender_timeout, which a session has from 12 on, is never shorter than PostgreSQL's own 60 s.
const roleSettings = `(VALUES ('default_transaction_read_only', 'off'), ('default_transaction_isolation', 'read committed'),
	('role', 'none'), ('session_replication_role', 'origin'), ('temp_file_limit', '-1'),
	('statement_timeout', '0'), ('lock_timeout', '0'), ('idle_in_transaction_session_timeout', '0'),
	('idle_session_timeout', '0'), ('transaction_timeout', '0'), ('wal_sender_timeout', '60000')) own(name, value)`

// SettleRole gives Role those of its settings that the server has. Green may have some that blue did not.
func SettleRole(ctx context.Context, conn *pgx.Conn) error {
	rows, _ := conn.Query(ctx, `SELECT format('ALTER ROLE %I SET %I = %L', $1::text, name,
			CASE name WHEN 'wal_sender_timeout' THEN CASE setting WHEN '0' THEN setting ELSE greatest(setting::int, value::int)::text END
			ELSE value END)
		FROM `+roleSettings+` JOIN pg_settings s USING (name) WHERE context = 'user' OR context = 'superuser' AND current_setting('is_superuser') = 'on'`,
		Role)
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("ask for the settings of role %q: %w", Role, err)
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("give role %q settings of its own: %w", Role, err)
		}
	}
	return QuietRole(ctx, conn)
}

// keepUnrecorded keeps Role's statements from modules that would record the one with its password (createWithSecret), where the operator's role
// may say so.
func keepUnrecorded(ctx context.Context, conn *pgx.Conn) error {
	if isSuperuser(conn) { // no statement holds the password
		return nil
	}
	rows, _ := conn.Query(ctx, `SELECT name FROM pg_settings WHERE name IN ('pg_stat_statements.track', 'pgaudit.log')`)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("ask what records statements: %w", err)
	}
	for _, name := range names {
		_, err := conn.Exec(ctx, "ALTER ROLE "+Role+" SET "+name+" = 'none'")
		if err != nil && SQLState(err) != "42501" { // insufficient_privilege
			return fmt.Errorf("keep statements of role %q from %s: %w", Role, name, err)
		}
	}
	return nil
}

// DropRole removes Role where upgrade has made it; a superuser also from a session of its own. What it owned in the databases must be gone.
func DropRole(ctx context.Context, conn *pgx.Conn, upgrade string) error {
	if _, made, err := TakenRole(ctx, conn, upgrade); err != nil || !made {
		return err
	}
	if !isSuperuser(conn) {
		if _, err := conn.Exec(ctx, "DROP ROLE "+Ident(Role)); err != nil {
			return fmt.Errorf("drop role %q: %w", Role, err)
		}
		return nil
	}
	var superuser string
	if err := conn.QueryRow(ctx, `SELECT rolname FROM pg_roles WHERE oid = 10`).Scan(&superuser); err != nil { // BOOTSTRAP_SUPERUSERID
		return fmt.Errorf("find the bootstrap superuser: %w", err)
	}
	for _, statement := range []string{"SET SESSION AUTHORIZATION " + Ident(superuser), "DROP ROLE IF EXISTS " + Ident(Role)} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("drop role %q: %w", Role, err)
		}
	}
	return nil
}

// DisarmRole takes the password from Role in a session of its own, so that nobody logs in as it any more. It is for a role that may have to stay.
func DisarmRole(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "ALTER ROLE "+Ident(Role)+" PASSWORD NULL")
	if err != nil && SQLState(err) != "42501" { // insufficient_privilege: until 15 only superusers may alter a role with REPLICATION
		return fmt.Errorf("take the password from role %q: %w", Role, err)
	}
	return nil
}

// scramVerifier computes what pg_authid keeps for a password (RFC 5803, RFC 7677).
func scramVerifier(password string) (string, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramIterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("compute a SCRAM verifier: %w", err)
	}
	mac := func(label string) []byte {
		h := hmac.New(sha256.New, salted)
		h.Write([]byte(label))
		return h.Sum(nil)
	}
	stored := sha256.Sum256(mac("Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramIterations, b64(salt), b64(stored[:]), b64(mac("Server Key"))), nil
}
