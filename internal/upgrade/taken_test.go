package upgrade_test

import (
	"strings"
	"testing"

	"github.com/pgteal/pgteal/test/site"
)

// A role, a schema and a publication of the operator's may bear pgteal's names. They may come after the check has looked, too.
func TestWhatBearsPgtealsNamesIsRefusedAndLeftAlone(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	for _, test := range []struct {
		name       string
		late       bool // it comes between check and publish
		make, drop []string
		says       string
	}{
		{"role", false, []string{`CREATE ROLE pgteal LOGIN PASSWORD 'theirs'`}, []string{`DROP ROLE pgteal`}, "ALTER ROLE pgteal RENAME"},
		{"late role", true, []string{`CREATE ROLE pgteal LOGIN PASSWORD 'theirs'`}, []string{`DROP ROLE pgteal`}, "ALTER ROLE pgteal RENAME"},
		{
			"late names", true,
			[]string{
				`CREATE SCHEMA pgteal`, `CREATE TABLE pgteal.upgrade (id int PRIMARY KEY)`, `INSERT INTO pgteal.upgrade VALUES (1)`,
				`CREATE PUBLICATION pgteal FOR TABLE pgteal.upgrade`,
			},
			[]string{`DROP SCHEMA pgteal CASCADE`, `DROP PUBLICATION pgteal`},
			"DROP SCHEMA pgteal",
		},
		{
			"late schema", true,
			[]string{`CREATE SCHEMA pgteal`, `CREATE TABLE pgteal.upgrade (x int PRIMARY KEY)`},
			[]string{`DROP SCHEMA pgteal CASCADE`},
			"ALTER SCHEMA pgteal RENAME",
		},
		{"late publication", true, []string{`CREATE PUBLICATION pgteal`}, []string{`DROP PUBLICATION pgteal`}, "ALTER PUBLICATION pgteal RENAME"},
		{
			"late slot", true,
			[]string{`SELECT pg_create_logical_replication_slot('pgteal_' || oid, 'pgoutput') FROM pg_database WHERE datname = current_database()`},
			[]string{`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots`},
			"pg_drop_replication_slot",
		},
	} {
		if test.late {
			kill(t, s, "prepare", point{When: before, Step: "publish", Event: "begun"})
		}
		s.Blue.Exec(t, site.Weird, test.make...)
		found := s.Look(t)
		for range 2 { // publish refuses, and after an abort so does the check
			said, err := spawn(t, s, "prepare", point{})
			if err == nil || !strings.Contains(said, test.says) {
				t.Errorf("%s: prepare: %v, and does not say %q\n%s", test.name, err, test.says, said)
			}
			succeed(t, s, "abort")
			found.Check(t, s.Look(t))
		}
		s.Blue.Exec(t, site.Weird, test.drop...)
	}
	succeed(t, s, "prepare")
}

// Publish may be cut off at any instant: the role that it has made by then is pgteal's own to whoever goes on.
func TestPublishThatWasCutOffKnowsItsOwnRole(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	found := s.Look(t)
	for _, command := range []string{"abort", "prepare"} {
		kill(t, s, "prepare", point{When: after, Step: "publish", Event: "found"})
		kill(t, s, "prepare", point{When: before, Step: "publish", Event: "done"})
		succeed(t, s, command)
	}
	succeed(t, s, "abort")
	found.Check(t, s.Look(t))
}
