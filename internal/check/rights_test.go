package check_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

const us = `"Pl""ain"`

// as returns a session of role Pl"ain, whose statements fail where it lacks a right.
func as(t *testing.T, s *pgtest.Server, database string) *pgx.Conn {
	t.Helper()
	conn, err := s.As(`Pl"ain`, "", "").Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { postgres.Close(conn) })
	return conn
}

// refused runs a statement and says whether the role lacks the right to.
func refused(t *testing.T, conn *pgx.Conn, statement string) bool {
	t.Helper()
	_, err := conn.Exec(t.Context(), statement)
	if err != nil && postgres.SQLState(err) != "42501" { // insufficient_privilege
		t.Fatalf("%s: %v", statement, err)
	}
	return err != nil
}

// Roles like those of the cloud are made by hand: rds_superuser has none of its powers here.
func TestTheLeastRightsInTheCloud(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 17} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, major)
			createDatabase(t, s, weird, `CREATE ROLE "Ow""ner"`, `CREATE ROLE `+us+` LOGIN NOINHERIT`, `CREATE TABLE t (id int PRIMARY KEY)`,
				`ALTER TABLE t OWNER TO "Ow""ner"`, `CREATE TABLE supers (id int PRIMARY KEY)`, `CREATE ROLE rds_superuser`, `CREATE ROLE rds_replication`,
				`REVOKE CONNECT ON DATABASE "We""ird; DROP" FROM public`, `GRANT rds_superuser TO `+us)
			s.Exec(t, weird, `CREATE ROLE "Da""ta"`, `ALTER DATABASE "We""ird; DROP" OWNER TO "Da""ta"`, `ALTER DATABASE postgres OWNER TO "Da""ta"`)
			createDatabase(t, s, "rdsadmin", `CREATE ROLE rdsadmin`, `ALTER DATABASE rdsadmin OWNER TO rdsadmin`,
				`REVOKE CONNECT ON DATABASE rdsadmin FROM public`)
			target := check.Target{Blue: s.As(`Pl"ain`, "", ""), To: 18}
			mend := func(fix string) {
				t.Helper()
				s.Exec(t, weird, fix)
			}
			grant := func(role string) string {
				if major >= 16 {
					return "GRANT " + role + " TO " + us + " WITH INHERIT TRUE;"
				}
				return "GRANT " + role + " TO " + us + "; ALTER ROLE " + us + " INHERIT;"
			}
			found := runTarget(t, target)
			const connect, createRole = `GRANT CONNECT ON DATABASE "We""ird; DROP" TO ` + us + `;`, "ALTER ROLE " + us + " CREATEROLE;"
			want(t, found, "rights", finding.Upgrade, "role "+us, grant("rds_superuser")) // it does not inherit
			want(t, found, "rights", finding.Upgrade, "role "+us, grant("rds_replication"))
			want(t, found, "rights", finding.Upgrade, "role "+us, createRole)
			want(t, found, "rights", finding.Upgrade, `database "We""ird; DROP"`, connect)
			want(t, found, "rights", finding.Upgrade, `database postgres`, grant(`"Da""ta"`))
			if len(with("rights", found)) != 5 {
				t.Errorf("found\n%s", show(found))
			}
			if !refused(t, as(t, s, "postgres"), "CREATE PUBLICATION pgteal") {
				t.Error("it may make a publication")
			}
			mend(grant("rds_superuser") + grant("rds_replication") + connect + createRole + grant(`"Da""ta"`))

			found = runTarget(t, target)
			in := ` in database "We""ird; DROP"`
			want(t, found, "table-owners", finding.Upgrade, `tables of role "Ow""ner"`+in, grant(`"Ow""ner"`))
			want(t, found, "table-owners", finding.Upgrade, `tables of role postgres`+in, `ALTER TABLE public.supers OWNER TO `+us+`;`)
			if len(with("table-owners", found)) != 2 || len(with("rights", found)) > 0 {
				t.Errorf("found\n%s", show(found))
			}
			conn := as(t, s, weird)
			if refused(t, conn, "CREATE PUBLICATION pgteal") {
				t.Error("it may make no publication")
			}
			needs := []string{
				"ALTER PUBLICATION pgteal ADD TABLE ONLY public.t, ONLY public.supers", "ALTER TABLE public.t REPLICA IDENTITY FULL",
				"ALTER TABLE public.supers REPLICA IDENTITY FULL",
			}
			for _, statement := range needs {
				if !refused(t, conn, statement) {
					t.Errorf("it may: %s", statement)
				}
			}
			mend(grant(`"Ow""ner"`) + `ALTER TABLE public.supers OWNER TO ` + us)
			for _, statement := range append(needs, "DROP PUBLICATION pgteal") {
				if refused(t, conn, statement) {
					t.Errorf("it may not: %s", statement)
				}
			}
			if found := runTarget(t, target); len(with("rights", found))+len(with("table-owners", found)) > 0 {
				t.Errorf("mended, and found\n%s", show(found))
			}
			if found := run(t, s, 18); len(with("rights", found))+len(with("table-owners", found)) > 0 {
				t.Errorf("as a superuser found\n%s", show(found))
			}
		})
	}
}

// A table under row-level security is found exactly where the role cannot read it whole, which is where apply as that role stops.
func TestRowSecurityIsFoundWhereApplyStops(t *testing.T) {
	t.Parallel()
	for _, major := range []int{15, 17} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, major)
			s.Exec(t, "postgres", `CREATE ROLE owner`, `CREATE ROLE `+us+` LOGIN INHERIT`, `CREATE ROLE rds_superuser`)
			setup := []string{`GRANT CREATE ON SCHEMA public TO public`}
			for _, table := range []string{"plain", "others", "own", "forced", `"Fo""rced"`} {
				setup = append(setup, `CREATE TABLE `+table+` (id int PRIMARY KEY)`, `CREATE POLICY p ON `+table+` USING (true)`,
					`GRANT ALL ON `+table+` TO public`, `ALTER TABLE `+table+` OWNER TO `+us)
				if table != "plain" {
					setup = append(setup, `ALTER TABLE `+table+` ENABLE ROW LEVEL SECURITY`)
				}
			}
			setup = append(setup, `ALTER TABLE others OWNER TO owner`, `ALTER TABLE "Fo""rced" OWNER TO owner`,
				`ALTER TABLE "Fo""rced" FORCE ROW LEVEL SECURITY`, `ALTER TABLE forced FORCE ROW LEVEL SECURITY`)
			blue, green := subscribe(t, s, setup...)
			target := check.Target{Blue: s.As(`Pl"ain`, "", ""), To: 18}
			look := func() []finding.Finding {
				var inGreen []finding.Finding
				for _, f := range with("row-security", runTarget(t, target)) {
					if f.Database == "green" {
						inGreen = append(inGreen, f)
					}
				}
				return inGreen
			}
			found := look()
			const noForce = "NO FORCE ROW LEVEL SECURITY; until the upgrade is finished."
			want(t, found, "row-security", finding.Upgrade, "table public.others in database green", "GRANT owner TO "+us)
			want(t, found, "row-security", finding.Upgrade, "table public.forced in database green", "ALTER TABLE public.forced "+noForce)
			want(t, found, "row-security", finding.Upgrade, `table public."Fo""rced" in database green`, "GRANT owner TO "+us)
			if len(found) != 3 || len(with("row-security", run(t, s, 18))) > 0 {
				t.Errorf("found\n%s", show(found))
			}

			// The subscription is the role's own from here on. A 15 has none but superusers own one, until they are none any more.
			s.Exec(t, "green", `ALTER ROLE `+us+` SUPERUSER`, `ALTER SUBSCRIPTION s OWNER TO `+us)
			if major >= 16 {
				s.Exec(t, "green", `ALTER SUBSCRIPTION s SET (run_as_owner = true, password_required = false)`)
			}
			s.Exec(t, "green", `ALTER ROLE `+us+` NOSUPERUSER`)
			reader := as(t, s, "green")
			count := func(table string) (n int) {
				t.Helper()
				if err := green.QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			insert := func(table string) {
				t.Helper()
				if _, err := blue.Exec(t.Context(), `INSERT INTO `+table+` VALUES (1)`); err != nil {
					t.Fatal(err)
				}
			}
			for _, table := range []string{"plain", "own"} {
				if refused(t, reader, `SELECT * FROM public.`+table) {
					t.Errorf("%s cannot be read whole", table)
				}
				insert(table)
				pgtest.Eventually(t, time.Minute, table+" is applied", func() bool { return count(table) == 1 })
			}
			for _, table := range []string{"others", "forced", `"Fo""rced"`} {
				if !refused(t, reader, `SELECT * FROM public.`+table) {
					t.Errorf("%s can be read whole", table)
				}
				insert(table)
				pgtest.Eventually(t, time.Minute, "apply stops at "+table, func() bool {
					return logged(t, s, `with row-level security enabled: "`+strings.Trim(strings.ReplaceAll(table, `""`, `"`), `"`)+`"`)
				})
				for _, f := range look() {
					if f.Object == "table public."+table+" in database green" {
						s.Exec(t, "green", strings.Split(strings.TrimSuffix(f.Fix, " until the upgrade is finished."), ";")...)
					}
				}
				pgtest.Eventually(t, time.Minute, table+" is applied after the fix", func() bool { return count(table) == 1 })
			}
		})
	}
}
