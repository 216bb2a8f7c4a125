package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// CreateSlotSQL makes the slot of a database; $1 is its name.
const CreateSlotSQL = `SELECT lsn FROM pg_create_logical_replication_slot($1, 'pgoutput')`

// Slot is a logical replication slot as pg_replication_slots shows it.
type Slot struct {
	Name           string
	Database       string
	Plugin         string
	Active         bool
	ConfirmedFlush LSN    // everything before it has been delivered
	WALStatus      string // reserved, extended, unreserved or lost; "" before 13
}

// FindSlot returns the slot of that name. It returns pgx.ErrNoRows where there is none.
func FindSlot(ctx context.Context, conn *pgx.Conn, name string) (Slot, error) {
	// wal_status came with 13; to_jsonb asks for it without naming a column that may not be there.
	rows, _ := conn.Query(ctx, `SELECT slot_name, coalesce(database, ''), coalesce(plugin, ''), active,
		coalesce(confirmed_flush_lsn, '0/0'), coalesce(to_jsonb(s)->>'wal_status', '')
		FROM pg_replication_slots s WHERE slot_name = $1`, name)
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Slot])
}

// DropSlot drops a slot where it exists, and first ends the walsender that uses it.
func DropSlot(ctx context.Context, conn *pgx.Conn, name string) error {
	for {
		_, err := conn.Exec(ctx, `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active`, name)
		if err != nil {
			return fmt.Errorf("end the use of slot %q: %w", name, err)
		}
		_, err = conn.Exec(ctx, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1`, name)
		if err == nil || SQLState(err) == "42704" { // undefined_object: somebody else dropped it
			return nil
		}
		if SQLState(err) != "55006" { // object_in_use: the walsender has not ended yet, or a new one came
			return fmt.Errorf("drop slot %q: %w", name, err)
		}
	}
}

// Subscription is one of pgteal's subscriptions as it is to be made.
type Subscription struct {
	Name      string // and the name of its slot
	Publisher *Server
	Database  string // on the publisher
	Start     LSN    // every transaction that committed before it is already here
}

// CreateSQL returns the statement that makes the subscription, disabled. Its connection string holds no password.
// Transactions that are still running are streamed where both sides can, so that a large one is not first collected on the publisher.
func (s Subscription) CreateSQL(publisherMajor, subscriberMajor int) string {
	return s.createSQL(s.Publisher.Conninfo(s.Database), publisherMajor, subscriberMajor)
}

func (s Subscription) createSQL(conninfo string, publisherMajor, subscriberMajor int) string {
	options := ""
	switch older := min(publisherMajor, subscriberMajor); {
	case older >= 16:
		options = ", streaming = parallel"
	case older >= 14:
		options = ", streaming = on"
	}
	if subscriberMajor >= 16 { // as before 16: a table's owner may lack rights to it, or be under its row-level security
		options += ", run_as_owner = true"
	}
	return "CREATE SUBSCRIPTION " + Ident(s.Name) + " CONNECTION " + Literal(conninfo) +
		" PUBLICATION " + Publication + " WITH (copy_data = false, create_slot = false, enabled = false, connect = true, slot_name = " +
		Literal(s.Name) + options + ")"
}

// AdvanceSQL returns the statement that makes the disabled subscription begin at Start. The publisher then skips exactly the
// transactions whose commit record lies before it, however long ago the others began.
func (s Subscription) AdvanceSQL(oid uint32) string {
	return "SELECT pg_replication_origin_advance(" + Literal("pg_"+strconv.FormatUint(uint64(oid), 10)) + ", " + Literal(s.Start.String()) + ")"
}

// EnableSQL returns the statement that starts the subscription.
func (s Subscription) EnableSQL() string { return "ALTER SUBSCRIPTION " + Ident(s.Name) + " ENABLE" }

// MakeSubscription makes the subscription, disabled, where it is not there yet. The server connects to the publisher for it.
func MakeSubscription(ctx context.Context, conn *pgx.Conn, s Subscription, publisherMajor int) error {
	var there bool
	err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT`+oneSubscription+`)`, s.Name).Scan(&there)
	if err != nil || there {
		return err
	}
	subscriberMajor, err := Major(ctx, conn)
	if err != nil {
		return err
	}
	if isSuperuser(conn) {
		err = quietly(ctx, conn, s.CreateSQL(publisherMajor, subscriberMajor))
	} else {
		err = s.createWithSecret(ctx, conn, publisherMajor, subscriberMajor)
	}
	if err != nil {
		return fmt.Errorf("create subscription %q: %w", s.Name, err)
	}
	return nil
}

const oneSubscription = ` FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid WHERE subname = $1 AND datname = current_database()`

// Subscribe makes the subscription, sets its origin and enables it, and completes what an earlier call left undone.
// An enabled subscription is left alone: it has made progress of its own.
func Subscribe(ctx context.Context, conn *pgx.Conn, s Subscription, publisherMajor int) error {
	if err := MakeSubscription(ctx, conn, s, publisherMajor); err != nil {
		return err
	}
	var oid uint32
	var enabled bool
	// The view, because until 13 only superusers may read the catalog's oid.
	err := conn.QueryRow(ctx, `SELECT (SELECT subid FROM pg_stat_subscription v WHERE v.subname = s.subname AND relid IS NULL),
		subenabled`+oneSubscription, s.Name).Scan(&oid, &enabled)
	if err != nil || enabled {
		return err
	}
	for _, statement := range []string{s.AdvanceSQL(oid), s.EnableSQL()} {
		if err := quietly(ctx, conn, statement); err != nil {
			return fmt.Errorf("start subscription %q: %w", s.Name, err)
		}
	}
	return nil
}

// DropSubscriptions drops the subscriptions of the current database that have the given name, or all of them where name is "".
// Their slots on the publisher stay: on a clone they belong to somebody else.
func DropSubscriptions(ctx context.Context, conn *pgx.Conn, name string) error {
	rows, _ := conn.Query(ctx, `SELECT subname FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid
		WHERE datname = current_database() AND (subname = $1 OR $1 = '')`, name)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list subscriptions: %w", err)
	}
	for _, name := range names {
		subscription := Ident(name)
		for _, statement := range []string{
			"ALTER SUBSCRIPTION " + subscription + " DISABLE",
			"ALTER SUBSCRIPTION " + subscription + " SET (slot_name = NONE)",
			"DROP SUBSCRIPTION " + subscription,
		} {
			if err := quietly(ctx, conn, statement); err != nil {
				return fmt.Errorf("drop subscription %q: %w", name, err)
			}
		}
	}
	return nil
}

// DropIdleSubscription drops the subscription of the current database that has the given name, where there is one that is not enabled.
func DropIdleSubscription(ctx context.Context, conn *pgx.Conn, name string) error {
	var idle bool
	err := conn.QueryRow(ctx, `SELECT coalesce((SELECT NOT subenabled`+oneSubscription+`), false)`, name).Scan(&idle)
	if err != nil {
		return fmt.Errorf("look at subscription %q: %w", name, err)
	}
	if !idle {
		return nil
	}
	return DropSubscriptions(ctx, conn, name)
}

// Major returns the major version of the server behind conn.
func Major(ctx context.Context, conn *pgx.Conn) (major int, err error) {
	err = conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int / 10000`).Scan(&major)
	return major, err
}

// SystemIdentifier returns what initdb gave the cluster: its files carry it, whatever its address.
// pg_upgrade gives green another one.
func SystemIdentifier(ctx context.Context, conn *pgx.Conn) (id string, err error) {
	err = conn.QueryRow(ctx, `SELECT system_identifier::text FROM pg_control_system()`).Scan(&id)
	return id, err
}
