package switchover

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// ours leaves out what is no user's schema: system schemas, pgteal's own, temporary objects, and what extensions own, since those
// were updated on green on purpose.
const ours = `n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'pgteal')
	AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.deptype = 'e' AND x.classid = o.tableoid AND x.objid = o.oid)`

// schemaObjects lists what a database's schema consists of, each object with a digest of what makes it. Only what reads the
// same in every major goes into the digest: no deparsed expressions, none of 18's named not-null constraints, no MAINTAIN right (17), no
// constraint that a partition has from its parent (pg_upgrade may name it anew), nor its identity (17 gives it the parent's). Triggers that a
// partition has from its parent are internal until 14, like those of keys. Functions go by their arguments' types alone: 14 writes IN before
// those of procedures. Functions that make values of a range type are left out: 14 adds ones for its multirange.
const schemaObjects = `
SELECT CASE o.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
		WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' WHEN 'c' THEN 'type' ELSE 'table' END || format(' %I.%I', n.nspname, o.relname),
	md5(concat_ws(',', o.relkind, o.relpersistence, o.relreplident, o.relrowsecurity, o.relforcerowsecurity, o.relowner::regrole,
		CASE WHEN o.relkind NOT IN ('i', 'I') THEN
			(SELECT string_agg(inhparent::regclass::text, ' ' ORDER BY inhparent::regclass::text) FROM pg_inherits WHERE inhrelid = o.oid) END,
		(SELECT string_agg(concat_ws(' ', rulename, ev_type, ev_enabled, is_instead), ',' ORDER BY rulename) FROM pg_rewrite
			WHERE ev_class = o.oid AND rulename <> '_RETURN'),
		CASE WHEN o.relkind = 'v' THEN (SELECT string_agg(option, ' ' ORDER BY option) FROM unnest(o.reloptions) AS option) END,
		CASE WHEN o.relkind NOT IN ('i', 'I') THEN
			(SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, atthasdef, attgenerated,
				CASE WHEN NOT o.relispartition THEN attidentity END), ','
				ORDER BY attnum) FROM pg_attribute WHERE attrelid = o.oid AND attnum > 0 AND NOT attisdropped) END,
		(SELECT concat_ws(' ', seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle) FROM pg_sequence WHERE seqrelid = o.oid),
		(SELECT string_agg(conname || contype::text, ',' ORDER BY conname) FROM pg_constraint WHERE conrelid = o.oid AND contype <> 'n' AND conparentid = 0),
		(SELECT string_agg(tgname || tgenabled::text, ',' ORDER BY tgname) FROM pg_trigger
			WHERE tgrelid = o.oid AND NOT (tgisinternal AND tgconstraint IN (SELECT oid FROM pg_constraint WHERE contype <> 't'))),
		(SELECT string_agg(concat_ws(' ', polname, polcmd, polpermissive), ',' ORDER BY polname) FROM pg_policy WHERE polrelid = o.oid),
		(SELECT concat_ws(' ', indisunique, indkey, indrelid::regclass) FROM pg_index WHERE indexrelid = o.oid),
		CASE WHEN o.relkind NOT IN ('i', 'I', 'c') THEN (SELECT string_agg(concat_ws(' ', grantee::regrole, privilege_type, is_grantable), ','
			ORDER BY grantee::regrole::text, privilege_type)
			FROM aclexplode(coalesce(o.relacl, acldefault(CASE o.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, o.relowner)))
			WHERE privilege_type <> 'MAINTAIN') END))
FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace WHERE o.relkind <> 't' AND o.relpersistence <> 't' AND ` + ours + `
UNION ALL
SELECT format('function %I.%I(%s)', n.nspname, o.proname, oidvectortypes(o.proargtypes)),
	md5(concat_ws(',', o.prosrc, o.proowner::regrole, o.prosecdef, o.proisstrict, o.provolatile, o.proconfig,
		(SELECT string_agg(concat_ws(' ', grantee::regrole, is_grantable), ',' ORDER BY grantee::regrole::text)
			FROM aclexplode(coalesce(o.proacl, acldefault('f', o.proowner))))))
FROM pg_proc o JOIN pg_namespace n ON n.oid = o.pronamespace WHERE ` + ours + `
	AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.deptype = 'i' AND x.classid = o.tableoid AND x.objid = o.oid AND x.refclassid = 'pg_type'::regclass)
UNION ALL
SELECT format('type %I.%I', n.nspname, o.typname),
	md5(concat_ws(',', o.typtype, o.typbasetype::regtype, (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = o.oid)))
FROM pg_type o JOIN pg_namespace n ON n.oid = o.typnamespace WHERE o.typtype IN ('d', 'e') AND ` + ours + `
UNION ALL
SELECT format('schema %I', n.nspname), md5(n.nspowner::regrole::text)
FROM pg_namespace o JOIN pg_namespace n ON n.oid = o.oid WHERE ` + ours

// clusterObjects lists roles with what they may do, and settings of databases and roles, but for what a fence changes (postgres.Fence).
const clusterObjects = `
SELECT format('role %I', rolname), md5(concat_ws(',', rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin OR rolsuper, rolreplication,
	rolbypassrls, rolconnlimit, rolpassword, rolvaliduntil,
	(SELECT string_agg(DISTINCT roleid::regrole::text, ',') FROM pg_auth_members WHERE member = a.oid)))
FROM pg_authid a WHERE rolname !~ '^pg_' AND rolname <> 'pgteal'
UNION ALL
SELECT format('settings of role %I in database %I', coalesce(rolname, 'ALL'), coalesce(datname, 'ALL')),
	md5((SELECT string_agg(c, ',' ORDER BY c) FROM unnest(setconfig) AS c WHERE c NOT LIKE 'default_transaction_read_only=%'))
FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = setrole LEFT JOIN pg_database d ON d.oid = setdatabase
WHERE NOT (setdatabase = 0 AND setrole = 0) AND EXISTS (SELECT FROM unnest(setconfig) AS c WHERE c NOT LIKE 'default_transaction_read_only=%')
	AND rolname IS DISTINCT FROM 'pgteal'`

// cloudObjects are clusterObjects as far as they can be seen where nobody is a superuser: no passwords, and of the cloud's own roles nothing, which
// come with each major.
var cloudObjects = strings.NewReplacer(
	"pg_authid", "pg_roles",
	"WHERE rolname !~ '^pg_'", "WHERE rolname !~ '^(pg_|rds)'",
	"WHERE member = a.oid", "WHERE member = a.oid AND roleid::regrole::text !~ '^(pg_|rds)'",
	"rolname IS DISTINCT FROM 'pgteal'", "coalesce(rolname, '') !~ '^(rds|pgteal$)'",
).Replace(clusterObjects)

// maxDrift bounds how many drifted objects are named.
const maxDrift = 50

// schemaIsTheSame compares what both sides' schemas consist of. Schema changes are not replicated.
func (s *Switchover) schemaIsTheSame(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	roles := clusterObjects
	if postgres.InCloud(ends.from) {
		roles = cloudObjects
	}
	found, err := s.drift(ctx, "the cluster", roles, ends.from, ends.to)
	if err != nil {
		return nil, err
	}
	findings = append(findings, found...)
	for _, d := range ends.databases {
		if d.shape, err = shapeNow(ctx, d.from); err != nil {
			return nil, err
		}
		found, err := s.drift(ctx, fmt.Sprintf("database %q", d.Name), schemaObjects, d.from, d.to)
		if err != nil {
			return nil, err
		}
		findings = append(findings, found...)
	}
	if len(findings) > maxDrift {
		more := len(findings) - maxDrift
		findings = append(findings[:maxDrift], guard(fmt.Sprintf("%d more objects", more), "They differ, too.", "As above.")...)
	}
	return findings, nil
}

func (s *Switchover) drift(ctx context.Context, where, query string, from, to *pgx.Conn) (findings []finding.Finding, err error) {
	var here, there map[string]string
	var group errgroup.Group
	group.Go(func() (err error) { here, err = objects(ctx, from, query); return err })
	group.Go(func() (err error) { there, err = objects(ctx, to, query); return err })
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("read the schema of %s: %w", where, err)
	}
	report := func(object, reason, fix string) {
		findings = append(findings, guard(object+" in "+where, reason, fix)...)
	}
	for object, digest := range here {
		switch other, ok := there[object]; {
		case !ok:
			report(object, "Only "+s.From.Server.Name+" has it: schema changes are not replicated.",
				"Drop it, or: "+s.startOver())
		case other != digest:
			report(object, "Its definition, owner or rights differ: schema changes are not replicated.",
				"Undo the change, or: "+s.startOver())
		}
	}
	for object := range there {
		if _, ok := here[object]; !ok {
			report(object, "Only "+s.To.Server.Name+" has it: schema changes are not replicated.",
				"Make it on "+s.From.Server.Name+" again, or: "+s.startOver())
		}
	}
	return findings, nil
}

func objects(ctx context.Context, conn *pgx.Conn, query string) (map[string]string, error) {
	rows, _ := conn.Query(ctx, query)
	objects := map[string]string{}
	var object, digest string
	_, err := pgx.ForEachRow(rows, []any{&object, &digest}, func() error {
		objects[object] = digest
		return nil
	})
	return objects, err
}
