package upgrade_test

import (
	"strings"
	"testing"

	"github.com/pgteal/pgteal/test/site"
)

// An operator's view on a view of an extension keeps that from being updated, and could not be dropped on green, which is closed.
func TestAnExtensionThatCannotBeUpdatedStaysAsItIs(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	s.Blue.Exec(t, site.Weird, `CREATE EXTENSION pg_stat_statements`, `CREATE EXTENSION citext`,
		`CREATE VIEW "Slow""; DROP" AS SELECT * FROM pg_stat_statements`)
	said, err := spawn(t, s, "prepare", point{})
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if !strings.Contains(said, `view "Slow""; DROP" depends on view pg_stat_statements`) {
		t.Errorf("nobody is told:\n%s", said)
	}
	succeed(t, s, "switchover")
	const old = `SELECT string_agg(name, ', ') FROM pg_available_extensions WHERE installed_version <> default_version`
	if is := s.Ask(t, s.Green(t), site.Weird, old); is != "pg_stat_statements" {
		t.Errorf("old on green: %s", is)
	}
}

// New databases are made from templates, also where nobody keeps tables in them. One whose collation has another version than was recorded cannot be
// copied. (The ICU of 15 and that of 18 differ where the tests run; where they do not, this proves less.)
func TestDatabasesCanBeMadeFromGreensTemplates(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	s.Blue.Exec(t, "postgres", `CREATE DATABASE "Tem""plate; DROP" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de' IS_TEMPLATE true`)
	s.Blue.Exec(t, "template1", `CREATE EXTENSION citext`)
	succeed(t, s, "prepare")
	succeed(t, s, "switchover")
	green := s.Green(t)
	green.Exec(t, "postgres", `CREATE DATABASE new TEMPLATE "Tem""plate; DROP"`, `CREATE DATABASE newer`)
	const old = `SELECT count(*) FROM pg_available_extensions WHERE installed_version <> default_version`
	if is := s.Ask(t, green, "newer", old); is != "0" {
		t.Errorf("%s extensions of the template are old", is)
	}
	succeed(t, s, "finish")
	if traces := s.Traces(t, green); len(traces) > 0 {
		t.Errorf("left on green: %q", traces)
	}
}
