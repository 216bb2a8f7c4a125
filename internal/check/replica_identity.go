package check

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/pgteal/pgteal/internal/finding"
)

const replicaIdentityWhy = `From the moment a table is published, blue itself refuses UPDATE and DELETE on it unless it has a
replica identity: that would be an outage (https://www.postgresql.org/docs/current/logical-replication-publication.html). A
primary key is one; a deferrable one, an identity column or a unique index by itself is not. With REPLICA IDENTITY FULL green
compares whole rows, which takes an equality operator for every column: without one, apply stops at the first UPDATE or DELETE. It may then
change another row that is equal, which matters where equal values are not the same (1.0 and 1.00, citext): pgteal verify finds that.`

// replicaIdentitySQL judges every published table as the server does: RelationGetIndexList in src/backend/utils/cache/relcache.c says
// which index serves, CheckCmdReplicaIdentity in src/backend/executor/execReplication.c what is refused without one, tuples_equal
// and FindReplTupleInLocalRel what REPLICA IDENTITY FULL needs. Partitions are judged one by one, and what they are partitions
// of does not matter, since the publication is not one via the root.
const replicaIdentitySQL = `
WITH RECURSIVE
tables AS (
	SELECT c.oid, c.relreplident::text AS identity, format('%I.%I', n.nspname, c.relname) AS name
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ` + published + `
),
indexes AS ( -- those that can serve as soon as their columns cannot be null
	SELECT i.*, ARRAY(SELECT unnest(i.indkey[0:i.indnkeyatts - 1])) AS keys
	FROM pg_index i JOIN tables t ON t.oid = i.indrelid
	WHERE i.indisunique AND i.indisvalid AND i.indislive AND i.indimmediate AND i.indpred IS NULL
),
usable AS ( -- what ALTER TABLE ... REPLICA IDENTITY USING INDEX takes, the narrowest first
	SELECT DISTINCT ON (i.indrelid) i.indrelid, i.indexrelid, c.relname
	FROM indexes i JOIN pg_class c ON c.oid = i.indexrelid
	WHERE i.indexprs IS NULL AND NOT i.indisexclusion AND NOT EXISTS (
		SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.keys) AND NOT a.attnotnull)
	ORDER BY i.indrelid, i.indnkeyatts, c.relname
),
parts(root, type) AS ( -- the types of their columns, and what those are made of
	SELECT DISTINCT a.atttypid, a.atttypid FROM pg_attribute a JOIN tables t ON t.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped
	UNION
	SELECT p.root, inner_type.oid FROM parts p JOIN pg_type t ON t.oid = p.type CROSS JOIN LATERAL (
		SELECT t.typbasetype WHERE t.typtype = 'd'
		UNION ALL SELECT t.typelem WHERE t.typtype = 'b' AND t.typcategory = 'A' AND t.typelem <> 0
		UNION ALL SELECT a.atttypid FROM pg_attribute a
			WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
	) inner_type(oid)
),
comparable AS ( -- types with a default operator class of btree or hash, or that are the same as one with it
	SELECT DISTINCT type.oid FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod AND m.amname IN ('btree', 'hash') AND o.opcdefault
	LEFT JOIN pg_cast x ON x.casttarget = o.opcintype AND x.castmethod = 'b' AND x.castcontext = 'i'
	CROSS JOIN LATERAL (VALUES (o.opcintype), (x.castsource)) type(oid)
),
incomparable AS (
	SELECT DISTINCT p.root FROM parts p JOIN pg_type t ON t.oid = p.type
	WHERE t.typtype = 'b' AND NOT (t.typcategory = 'A' AND t.typelem <> 0) AND NOT EXISTS (SELECT FROM comparable c WHERE c.oid = t.oid)
),
columns AS (
	SELECT a.attrelid, string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) AS list
	FROM pg_attribute a JOIN tables t ON t.oid = a.attrelid JOIN incomparable i ON i.root = a.atttypid
	WHERE a.attnum > 0 AND NOT a.attisdropped %[1]s GROUP BY a.attrelid
)
SELECT t.oid, coalesce(u.indexrelid, 0), t.name, t.identity,
	EXISTS (SELECT FROM indexes i WHERE i.indrelid = t.oid AND i.indisprimary),
	EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary AND NOT i.indimmediate),
	coalesce(quote_ident(u.relname), ''),
	coalesce(col.list, ''),
	coalesce((SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
		WHERE a.attrelid = t.oid AND NOT a.attisdropped AND %[2]s), ''),
	coalesce((SELECT quote_ident(a.attname) FROM pg_attribute a
		WHERE a.attrelid = t.oid AND a.attidentity <> '' AND NOT a.attisdropped LIMIT 1), ''),
	coalesce((SELECT quote_ident(e.extname) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
		WHERE d.classid = 'pg_class'::regclass AND d.objid = t.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'), '')
FROM tables t LEFT JOIN usable u ON u.indrelid = t.oid LEFT JOIN columns col ON col.attrelid = t.oid
WHERE CASE t.identity
	WHEN 'd' THEN NOT EXISTS (SELECT FROM indexes i WHERE i.indrelid = t.oid AND i.indisprimary)
	WHEN 'i' THEN NOT EXISTS (SELECT FROM indexes i WHERE i.indrelid = t.oid AND i.indisreplident)
	WHEN 'f' THEN col.list IS NOT NULL AND NOT EXISTS (SELECT FROM indexes i WHERE i.indrelid = t.oid AND i.indisprimary)
	ELSE true END`

// unidentified is a table without a replica identity that serves.
type unidentified struct {
	OID, IndexOID uint32 // of the table, and of Index; pg_upgrade keeps them
	Name          string
	Identity      string // relreplident: d, n, i, f
	HasPrimary    bool   // a primary key that could serve
	Deferrable    bool   // a primary key that cannot
	Index         string // a unique index that could serve, "" for none
	Incomparable  string // columns that keep REPLICA IDENTITY FULL from being applied, "" for none
	Generated     string // generated columns, for which green would refuse it, "" for none
	Column        string // an identity column, "" for none
	Extension     string // what it belongs to, "" for none
}

func replicaIdentity(ctx context.Context, s *Session) ([]finding.Finding, error) {
	notGenerated, generated := "", "false" // apply does not compare generated columns, which came with 12
	if s.Major >= 12 {
		notGenerated = "AND a.attgenerated = ''"
		if s.To >= 18 { // see generatedIdentity
			generated = "a.attgenerated <> ''"
		}
	}
	// Not Sprintf: the query holds the verbs of format().
	sql := strings.NewReplacer("%[1]s", notGenerated, "%[2]s", generated).Replace(replicaIdentitySQL)
	return find(ctx, s, sql, nil, func(u unidentified) finding.Finding {
		reason := u.fault()
		if u.Extension != "" {
			reason += " The table belongs to extension " + u.Extension + "."
		}
		fix, remark := u.fix()
		return finding.Finding{
			Blocks: finding.Upgrade, Object: s.in("table " + u.Name), Reason: strings.TrimSpace(reason + " " + remark),
			Fix: fix, Repair: u.repair(fix),
		}
	})
}

func (u unidentified) fault() string {
	const refused = "once it is published, blue refuses UPDATE and DELETE on it."
	switch {
	case u.Identity == "f":
		return fmt.Sprintf("Its replica identity is FULL, but %s cannot be compared: apply on green stops at the first UPDATE or "+
			"DELETE.", u.Incomparable)
	case u.Identity == "n":
		return "Its replica identity is NOTHING: " + refused
	case u.Identity == "i":
		return "The index that was its replica identity is gone or invalid: " + refused
	case u.Deferrable:
		return "Its primary key is deferrable, and so is no replica identity: " + refused
	case u.Column != "":
		return "It has no primary key (the identity column " + u.Column + " is not one): " + refused
	default:
		return "It has no primary key: " + refused
	}
}

// fix returns what mends it, and what there is to say about that.
func (u unidentified) fix() (fix, remark string) {
	alter := "ALTER TABLE " + u.Name
	columns := "columns that are unique and never null"
	if u.Column != "" {
		columns = u.Column
	}
	switch {
	case u.HasPrimary:
		return alter + " REPLICA IDENTITY DEFAULT;", ""
	case u.Index != "":
		return alter + " REPLICA IDENTITY USING INDEX " + u.Index + ";", ""
	case u.Incomparable == "" && u.Generated == "":
		return alter + " REPLICA IDENTITY FULL;", "FULL costs WAL, the whole old row for each UPDATE and DELETE, and green has to search for it: " +
			"where columns are unique and never null, ADD PRIMARY KEY is better."
	case u.Identity == "f":
		return fmt.Sprintf("%s ADD PRIMARY KEY (%s);", alter, columns), ""
	case u.Generated != "":
		return fmt.Sprintf("%s ADD PRIMARY KEY (%s);", alter, columns),
			"REPLICA IDENTITY FULL does not help, because green would then refuse UPDATE and DELETE for the generated columns: " + u.Generated + "."
	default:
		return fmt.Sprintf("%s ADD PRIMARY KEY (%s);", alter, columns),
			"REPLICA IDENTITY FULL does not help, because " + u.Incomparable + " cannot be compared."
	}
}

// repair returns the fix with what takes it back, where it changes nothing but the replica identity. A primary key is the operator's to add.
// An index that is gone cannot be the replica identity again; pg_dump writes such a table like one with the default.
func (u unidentified) repair(fix string) *finding.Repair {
	_, identity, ok := strings.Cut(fix, " REPLICA IDENTITY ")
	if !ok {
		return nil
	}
	is := map[byte]string{'D': "d", 'U': "i", 'F': "f"}[identity[0]]
	before := map[string]string{"n": "NOTHING", "f": "FULL"}[u.Identity]
	before = cmp.Or(before, "DEFAULT")
	still := fmt.Sprintf("relreplident = '%s'", is)
	if is == "i" {
		still += fmt.Sprintf(" AND EXISTS (SELECT FROM pg_index WHERE indexrelid = %d AND indisreplident)", u.IndexOID)
	}
	return &finding.Repair{
		SQL:  strings.TrimSuffix(fix, ";"),
		Undo: fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY %s", u.Name, before),
		TakeBack: fmt.Sprintf("SELECT format('ALTER TABLE %%s REPLICA IDENTITY %s', oid::regclass) FROM pg_class WHERE oid = %d AND %s",
			before, u.OID, still), // it may have another name by then
	}
}
