package postgres

import "strconv"

// Names of what pgteal makes on a cluster. All of it goes with abort and finish.
const (
	Schema      = "pgteal" // in each database: marker, barrier and ownership
	Publication = "pgteal" // in each database, for all tables
	Role        = "pgteal" // pgteal's own role, the only one that the fence lets in
)

// SlotName names the replication slot, and the subscription, of the database with blue's oid.
func SlotName(database uint32) string { return NamePrefix + strconv.FormatUint(uint64(database), 10) }

// SchemaSQL makes pgteal's schema in a database. Its tables are published like every other, so they are on green too.
//
// The barrier freezes an apply worker: its trigger fires only in a session that replicates (ENABLE REPLICA), and there it waits
// for whoever holds the advisory lock with the row's id. Everything committed before the row is then visible on the
// subscriber, and nothing after it (https://www.postgresql.org/docs/current/sql-altertable.html, logical replication applies
// transactions one by one in commit order).
const SchemaSQL = `
CREATE SCHEMA pgteal;
CREATE TABLE pgteal.upgrade (id text PRIMARY KEY, name text NOT NULL);
CREATE TABLE pgteal.marker (id text PRIMARY KEY);
CREATE TABLE pgteal.barrier (id bigint PRIMARY KEY);
CREATE FUNCTION pgteal.wait_at_barrier() RETURNS trigger LANGUAGE plpgsql
	SET search_path = pg_catalog SET lock_timeout = 0 SET statement_timeout = 0 AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(NEW.id);
	RETURN NEW;
END $$;
CREATE TRIGGER wait_at_barrier BEFORE INSERT ON pgteal.barrier FOR EACH ROW EXECUTE FUNCTION pgteal.wait_at_barrier();
ALTER TABLE pgteal.barrier ENABLE REPLICA TRIGGER wait_at_barrier;`

// ReadableSchemaSQL lets everybody read whose upgrade a database is in. Where Role is no superuser the operator's role has to see that, too.
const ReadableSchemaSQL = `GRANT USAGE ON SCHEMA pgteal TO PUBLIC; GRANT SELECT ON pgteal.upgrade TO PUBLIC`
