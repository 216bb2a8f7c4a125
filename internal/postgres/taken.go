package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Taken is something that bears a name which an upgrade needs, and is not of that upgrade's making.
type Taken struct {
	Object string // such as role pgteal
	Reason string // why it is in the way
	Free   string // what frees the name
}

const (
	roleMark   = "pgteal, upgrade " // begins the comment on Role; the upgrade's id follows
	operators  = "It is not of pgteal's making, and pgteal makes one of that name: it leaves this one alone."
	anothers   = "It belongs to another upgrade (%s)."
	abortFirst = "Abort that upgrade from its own state directory, or drop what it left: "
	leftBehind = "DROP PUBLICATION IF EXISTS pgteal; DROP SCHEMA pgteal CASCADE; and its replication slots " + NamePrefix + "*."
)

// markRoleSQL writes on Role which upgrade it is of. pg_upgrade carries the comment to green, DROP ROLE takes it along.
func markRoleSQL(upgrade string) string {
	return "COMMENT ON ROLE " + Ident(Role) + " IS " + Literal(roleMark+upgrade)
}

// TakenRole returns the role that has Role's name and is not of upgrade's making, nil where there is none. It reports whether upgrade has
// made its own.
func TakenRole(ctx context.Context, conn *pgx.Conn, upgrade string) (taken *Taken, made bool, err error) {
	rows, _ := conn.Query(ctx, `SELECT coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname = $1`, Role)
	comments, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, false, fmt.Errorf("look for role %q: %w", Role, err)
	}
	if len(comments) == 0 {
		return nil, false, nil
	}
	owner, marked := strings.CutPrefix(comments[0], roleMark)
	taken = &Taken{Object: "role " + Role}
	switch {
	case marked && owner == upgrade:
		return nil, true, nil
	case marked:
		taken.Reason, taken.Free = fmt.Sprintf(anothers, owner), abortFirst+"DROP ROLE "+Role+";"
	default:
		// A renamed role loses its password where that is an MD5 hash, which is salted with the name (RenameRole() in src/backend/commands/user.c).
		taken.Reason = operators
		taken.Free = "ALTER ROLE " + Role + " RENAME TO ...; and give it its password again where that is stored as MD5."
	}
	return taken, false, nil
}

// Publisher returns the id of the upgrade that has published the current database, "" for none. It stands in pgteal's schema, which comes and
// goes with the publication.
func Publisher(ctx context.Context, conn *pgx.Conn) (upgrade string, err error) {
	var there bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE n.nspname = $1 AND c.relname = 'upgrade' AND c.relkind = 'r' AND a.attname = 'id' AND NOT a.attisdropped
		AND has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT'))`, Schema).Scan(&there)
	if err == nil && there {
		err = conn.QueryRow(ctx, `SELECT coalesce((SELECT id::text FROM `+Schema+`.upgrade LIMIT 1), '')`).Scan(&upgrade)
	}
	if err != nil {
		return "", fmt.Errorf("ask who has published the database: %w", err)
	}
	return upgrade, nil
}

// TakenNames returns what is in the current database under names that upgrade needs there, and is not of its making. Slot is the name
// of its slot and subscription. Other names that begin like those count as taken, too: pgteal takes them for its own.
func TakenNames(ctx context.Context, conn *pgx.Conn, upgrade, slot string) ([]Taken, error) {
	publisher, err := Publisher(ctx, conn)
	if err != nil {
		return nil, err
	}
	rows, _ := conn.Query(ctx, `SELECT kind, name, quote_ident(name) FROM (
			SELECT 1, 'schema', nspname::text FROM pg_namespace WHERE nspname = $1 AND NOT $4
			UNION ALL SELECT 2, 'publication', pubname::text FROM pg_publication WHERE pubname = $2 AND NOT $4
			UNION ALL SELECT 3, 'subscription', subname::text FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
				WHERE d.datname = current_database() AND starts_with(s.subname::text, $5) AND NOT ($4 AND s.subname = $3)
			UNION ALL SELECT 4, 'replication slot', slot_name::text FROM pg_replication_slots
				WHERE (slot_name = $3 OR starts_with(slot_name::text, $5) AND database = current_database())
				AND NOT ($4 AND slot_name = $3 AND plugin = 'pgoutput' AND database = current_database())) taken(place, kind, name)
		ORDER BY place, name`, Schema, Publication, slot, publisher != "" && publisher == upgrade, NamePrefix)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Taken, err error) {
		var kind, name, quoted string
		if err := row.Scan(&kind, &name, &quoted); err != nil {
			return t, err
		}
		t.Object = kind + " " + quoted
		switch {
		case publisher != "" && publisher != upgrade:
			t.Reason, t.Free = fmt.Sprintf(anothers, publisher), abortFirst+leftBehind
		case kind == "replication slot": // it cannot be renamed
			t.Reason, t.Free = operators, "Give its consumer a slot of another name, then: SELECT pg_drop_replication_slot("+Literal(name)+");"
		default:
			t.Reason, t.Free = operators, "ALTER "+strings.ToUpper(kind)+" "+quoted+" RENAME TO ...;"
		}
		return t, nil
	})
}
