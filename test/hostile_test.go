package test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/test/site"
)

// Names that break whoever pastes them into SQL, a shell or a connection string, settings by ALTER SYSTEM, and a tablespace.
func TestHostileNamesTablespacesAndAlterSystem(t *testing.T) {
	s := site.New(t, site.Options{Superuser: site.Weird})
	name := postgres.Ident(site.Weird)
	place := filepath.Join(s.Directory, `table space "place"`)
	account, err := pgctl.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := account.Mkdir(place); err != nil {
		t.Fatal(err)
	}
	s.Blue.Exec(t, "postgres", "CREATE TABLESPACE "+name+" LOCATION "+postgres.Literal(place),
		"ALTER SYSTEM SET log_line_prefix = '%m \"weird'' \\ ; DROP '", "ALTER SYSTEM SET work_mem = '7MB'",
		"ALTER ROLE "+name+" SET search_path = "+name, "SELECT pg_reload_conf()")
	s.Blue.Exec(t, site.Weird, "CREATE TABLE "+name+".elsewhere (id serial PRIMARY KEY, "+name+" text) TABLESPACE "+name,
		"INSERT INTO "+name+".elsewhere ("+name+") SELECT repeat(md5(i::text), 50) FROM generate_series(1, 500) i",
		"GRANT ALL ON SCHEMA "+name+" TO app", "GRANT ALL ON ALL TABLES IN SCHEMA "+name+" TO app", "GRANT ALL ON ALL SEQUENCES IN SCHEMA "+name+" TO app")
	found := s.Look(t)
	pgteal(t, done, s, "check")
	pgteal(t, done, s, "plan")
	found.Check(t, s.Look(t))

	pgteal(t, done, s, "prepare")
	pgteal(t, done, s, "abort")
	found.Check(t, s.Look(t)) // the tablespace's copy is gone, too

	load := s.Load(t, s.Bouncer.Port, 4)
	pgteal(t, done, s, "prepare")
	insert := "INSERT INTO " + name + ".elsewhere (" + name + ") VALUES ('new') RETURNING id::text"
	blue := s.AsApp(t, s.Bouncer.Port, site.Weird, insert)
	checkReport(t, pgteal(t, done, s, "switchover", "--json").document(t), "local")
	green := s.AsApp(t, s.Bouncer.Port, site.Weird, insert)
	if a, err := strconv.Atoi(green); err != nil || blue != strconv.Itoa(a-1) {
		t.Errorf("the sequence gave %s on blue, then %s on green", blue, green)
	}
	pgteal(t, done, s, "finish")
	site.AwaitWrites(t, load, 4)
	for _, trace := range s.Traces(t, s.Green(t)) {
		t.Error("left on green: ", trace)
	}
	s.Judge(t, load, s.Green(t))
	for query, want := range map[string]string{
		"SHOW work_mem":        "7MB",
		"SHOW log_line_prefix": `%m "weird' \ ; DROP `,
		"SELECT count(*)::text FROM " + name + ".elsewhere":                                                                  "502",
		"SELECT nextval('" + strings.ReplaceAll(name+`."Seq""; DROP"`, "'", "''") + "')::text":                               "-4",
		"SELECT (pg_tablespace_location(oid) <> " + postgres.Literal(place) + ")::text FROM pg_tablespace WHERE oid > 16383": "true",
	} {
		if got := s.AsApp(t, s.GreenPort, site.Weird, query); got != want {
			t.Errorf("%s: %s, not %s", query, got, want)
		}
	}
	if entries, err := os.ReadDir(place); err != nil || len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), "PG_15_") {
		t.Errorf("blue's tablespace holds %v, %v", entries, err)
	}
}
