package upgrade_test

import (
	"testing"

	"github.com/pgteal/pgteal/test/site"
)

// What a new major makes by itself stands in nobody's way: it is no drift of the schema, and none of it belongs to pgteal's role, which has
// to be dropped.
func TestWhatANewMajorBringsIsNoObstacle(t *testing.T) {
	s := site.New(t, site.Options{From: 13, To: 18, Direct: true})
	s.Blue.Exec(t, site.Weird, `CREATE TYPE "Ra""nge" AS RANGE (subtype = text)`, // 14 adds a multirange and its functions
		`CREATE PROCEDURE p(a int, INOUT b "Ra""nge") LANGUAGE sql AS 'SELECT $2'`) // 14 writes its arguments with IN
	s.Blue.Exec(t, site.Weird, `CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id)`,
		`CREATE TABLE leaf PARTITION OF parted FOR VALUES FROM (0) TO (10)`,
		`CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`, // internal on the leaf until 14
		`CREATE CONSTRAINT TRIGGER tied AFTER INSERT ON parted FOR EACH ROW EXECUTE FUNCTION pass()`,
		`CREATE TRIGGER free AFTER INSERT ON parted FOR EACH ROW EXECUTE FUNCTION pass()`)
	s.Blue.Exec(t, "shop", `CREATE EXTENSION btree_gist`, `GRANT CREATE ON DATABASE shop TO `+site.App,
		`SET ROLE `+site.App, `CREATE EXTENSION pg_trgm`) // a trusted one
	for _, command := range []string{"prepare", "switchover", "finish"} {
		succeed(t, s, command)
	}
	green := s.Green(t)
	if traces := s.Traces(t, green); len(traces) > 0 {
		t.Errorf("left on green: %q", traces)
	}
	const owners = `SELECT string_agg(DISTINCT format('%s %s', e.extname, p.proowner::regrole), ', ')
		FROM pg_extension e JOIN pg_available_extensions a ON a.name = e.extname AND a.installed_version = a.default_version
		JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.classid = 'pg_proc'::regclass
		JOIN pg_proc p ON p.oid = d.objid WHERE e.extname <> 'plpgsql'`
	if is := s.Ask(t, green, "shop", owners); is != "btree_gist postgres, pg_trgm postgres" {
		t.Errorf("on green the owners of the updated extensions' functions are: %s", is)
	}
}
