package check

import (
	"context"

	"github.com/pgteal/pgteal/internal/finding"
)

const generatedIdentityWhy = `Replication does not carry generated columns. Where one belongs to the replica identity, apply on green stops at the
first UPDATE or DELETE; from 18 on a server refuses both on a published table whose whole row is the identity (REPLICA IDENTITY FULL), and so
green would refuse its clients (CheckCmdReplicaIdentity in src/backend/executor/execReplication.c).`

func generatedIdentity(ctx context.Context, s *Session) ([]finding.Finding, error) {
	if s.Major < 12 { // which brought them
		return nil, nil
	}
	// Only the table from which an inherited column comes can make it an ordinary one, and does so for all that inherit it.
	const sql = `SELECT format('%I.%I', n.nspname, c.relname), quote_ident(a.attname), coalesce((
			WITH RECURSIVE up AS (
				SELECT c.oid, a.attinhcount
				UNION ALL SELECT p.attrelid, p.attinhcount FROM up JOIN pg_inherits i ON i.inhrelid = up.oid
				JOIN pg_attribute p ON p.attrelid = i.inhparent AND p.attname = a.attname AND p.attgenerated <> ''
			)
			SELECT format('%I.%I', pn.nspname, p.relname) FROM up JOIN pg_class p ON p.oid = up.oid JOIN pg_namespace pn ON pn.oid = p.relnamespace
			WHERE up.attinhcount = 0 LIMIT 1), format('%I.%I', n.nspname, c.relname))
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped
		WHERE ` + published + ` AND (c.relreplident = 'f' AND $1 >= 18 OR EXISTS (SELECT FROM pg_index i
			WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
			AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END))
		ORDER BY 1, 2`
	type column struct{ Table, Name, Origin string }
	return find(ctx, s, sql, []any{s.To}, func(c column) finding.Finding {
		return finding.Finding{
			Blocks: finding.Upgrade, Object: s.in("table " + c.Table),
			Reason: "Its replica identity has the generated column " + c.Name + ", which replication does not carry: green would refuse UPDATE " +
				"and DELETE. A primary key of other columns mends that, too.",
			Fix: "ALTER TABLE " + c.Origin + " ALTER COLUMN " + c.Name + " DROP EXPRESSION;",
		}
	})
}
