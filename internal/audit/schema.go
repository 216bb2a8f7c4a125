package audit

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
)

// The accounts of every database, and what each begins with.
const (
	accounts = 100
	opening  = 1000
)

// schemaSQL makes the tables.
//
// There are two ledgers. In the one with a primary key, a transaction that replication applies a second time is an error that
// stops the replication: what comes after it is lost and found so. In the bare one it is a second row, and found as such.
// Operations with odd numbers go to the bare one. The tables that go with it have no unique key either: REPLICA IDENTITY FULL
// lets them be published for updates and deletes, which never come. served_by keeps the version of the server that the client
// spoke to: replication carries it over like any other value.
const schemaSQL = `
CREATE SCHEMA IF NOT EXISTS audit;
COMMENT ON SCHEMA audit IS 'what the auditing writers write';

CREATE TABLE IF NOT EXISTS audit.ledger (
	writer text NOT NULL, op bigint NOT NULL, work text NOT NULL, item bigint, rows bigint,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	served_by integer NOT NULL DEFAULT current_setting('server_version_num')::integer,
	PRIMARY KEY (writer, op));
CREATE TABLE IF NOT EXISTS audit.ledger_bare (LIKE audit.ledger INCLUDING DEFAULTS);
CREATE INDEX IF NOT EXISTS ledger_bare_operation ON audit.ledger_bare (writer, op);
ALTER TABLE audit.ledger_bare REPLICA IDENTITY FULL;

CREATE TABLE IF NOT EXISTS audit.item (
	writer text NOT NULL, item bigint NOT NULL, op bigint NOT NULL, note text NOT NULL, PRIMARY KEY (writer, item));

CREATE TABLE IF NOT EXISTS audit.account (id integer PRIMARY KEY, opening bigint NOT NULL, balance bigint NOT NULL);
CREATE TABLE IF NOT EXISTS audit.entry (writer text NOT NULL, op bigint NOT NULL, account integer NOT NULL, amount bigint NOT NULL);
ALTER TABLE audit.entry REPLICA IDENTITY FULL;

CREATE TABLE IF NOT EXISTS audit.bulk (
	writer text NOT NULL, op bigint NOT NULL, line integer NOT NULL, filling text NOT NULL, PRIMARY KEY (writer, op, line));

CREATE TABLE IF NOT EXISTS audit.ticket (id bigserial PRIMARY KEY, writer text NOT NULL, op bigint NOT NULL);
CREATE SEQUENCE IF NOT EXISTS audit.countdown INCREMENT BY -1;
CREATE TABLE IF NOT EXISTS audit.slip (
	id bigint GENERATED ALWAYS AS IDENTITY, countdown bigint NOT NULL DEFAULT nextval('audit.countdown'),
	writer text NOT NULL, op bigint NOT NULL);
ALTER TABLE audit.slip REPLICA IDENTITY FULL;

CREATE TABLE IF NOT EXISTS audit.probe (cluster text NOT NULL, n bigint NOT NULL);
ALTER TABLE audit.probe REPLICA IDENTITY FULL;`

// Install makes the writers' tables in databases, and lets roles write to them. Where they are it changes nothing.
func Install(ctx context.Context, server *postgres.Server, databases []string, roles ...string) error {
	for _, database := range databases {
		err := server.In(ctx, database, func(conn *pgx.Conn) error {
			return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return install(ctx, tx, roles) })
		})
		if err != nil {
			return fmt.Errorf("make the tables of the auditing writers: %w", err)
		}
	}
	return nil
}

func install(ctx context.Context, tx pgx.Tx, roles []string) error {
	if _, err := tx.Exec(ctx, "SET LOCAL client_min_messages = warning;"+schemaSQL); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO audit.account SELECT id, $1::bigint, $1::bigint FROM generate_series(1, $2::integer) id
		ON CONFLICT DO NOTHING`, opening, accounts)
	if err != nil {
		return err
	}
	for _, role := range roles {
		name := postgres.Ident(role)
		_, err := tx.Exec(ctx, `GRANT USAGE ON SCHEMA audit TO `+name+`;
			GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA audit TO `+name+`;
			GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA audit TO `+name)
		if err != nil {
			return fmt.Errorf("let %s write: %w", name, err)
		}
	}
	return nil
}
