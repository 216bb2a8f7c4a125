package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
)

// The publication names its tables. FOR ALL TABLES would take in those that are made later, too, which harms blue: UPDATE and DELETE fail
// on a published table without a replica identity, as CREATE TABLE AS leaves them; and it would stop replication, since green does not have
// them (https://www.postgresql.org/docs/current/logical-replication-publication.html).
const (
	CreatePublicationSQL = `CREATE PUBLICATION ` + Publication
	DropPublicationSQL   = `DROP PUBLICATION IF EXISTS ` + Publication
	AddTablesSQL         = `ALTER PUBLICATION ` + Publication + ` ADD TABLE ONLY`
)

// tablesPerStatement bounds the locks that one statement takes, as sequencesPerRead does.
const tablesPerStatement = 1000

// UnpublishedTables lists the tables of a database that can be published and are not in the publication: ordinary tables and
// partitions, but no unlogged and no temporary ones. They are quoted and have their schemas.
func UnpublishedTables(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	// Oids from 16384 on (FirstNormalObjectId) are users': what is_publishable_class() asks for.
	rows, _ := conn.Query(ctx, `SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		WHERE relkind = 'r' AND relpersistence = 'p' AND c.oid >= 16384 AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
		AND c.oid NOT IN (SELECT prrelid FROM pg_publication_rel r JOIN pg_publication p ON p.oid = prpubid WHERE pubname = $1)
		ORDER BY 1`, Publication)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list the tables to publish: %w", err)
	}
	return tables, nil
}

// PublishTables adds every table that is not in the publication yet. It waits for VACUUM, CREATE INDEX and the like on a table, and lets
// readers and writers pass meanwhile (SHARE UPDATE EXCLUSIVE).
func PublishTables(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, `SET lock_timeout = '1min'`); err != nil {
		return err
	}
	for {
		tables, err := UnpublishedTables(ctx, conn)
		if err != nil || len(tables) == 0 {
			return err
		}
		tables = tables[:min(tablesPerStatement, len(tables))]
		_, err = conn.Exec(ctx, AddTablesSQL+" "+strings.Join(tables, ", ONLY "))
		switch SQLState(err) {
		case "42P01", "3F000": // undefined_table, invalid_schema_name: dropped since it was listed
		case "55P03": // lock_not_available
			return fault.WithHint(fmt.Errorf("publish %d tables from %s on: %w", len(tables), tables[0], err),
				"A VACUUM, CREATE INDEX or ALTER TABLE holds one of them. Wait for it and run the same command again.")
		default:
			if err != nil {
				return fmt.Errorf("publish %d tables from %s on: %w", len(tables), tables[0], err)
			}
		}
	}
}
