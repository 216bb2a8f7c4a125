package check_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
)

func TestCollationsThatAreNotWhatWasRecorded(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 15, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, major)
			statements := []string{
				`CREATE COLLATION "Co""l" (provider = icu, locale = 'de')`, `CREATE TABLE t (a text COLLATE "Co""l" PRIMARY KEY, d text)`,
				`CREATE INDEX "I""x" ON t (d)`, `CREATE TABLE unindexed (a text COLLATE "fr-x-icu")`,
			}
			if major < 15 {
				createDatabase(t, s, weird, statements...)
			} else {
				s.Exec(t, "postgres", `CREATE DATABASE "We""ird; DROP" LOCALE_PROVIDER icu ICU_LOCALE 'de' TEMPLATE template0`)
				s.Exec(t, weird, statements...)
			}
			target := check.Target{Blue: s.Server, To: 19}
			if f := with("collations", runTarget(t, target)); len(f) > 0 {
				t.Fatalf("found on a new cluster: %s", show(f))
			}
			s.Exec(t, weird, `UPDATE pg_collation SET collversion = 'old' WHERE collname IN ('Co"l', 'fr-x-icu')`)
			wanted := 1
			if major >= 15 {
				s.Exec(t, weird, `UPDATE pg_database SET datcollversion = 'old' WHERE datname = current_database()`)
				wanted = 2
			}
			found := with("collations", runTarget(t, target))
			want(t, found, "collations", finding.Nothing, `collation public."Co""l" in database "We""ird; DROP"`,
				`REINDEX INDEX CONCURRENTLY public.t_pkey; ALTER COLLATION public."Co""l" REFRESH VERSION;`)
			if major >= 15 {
				want(t, found, "collations", finding.Nothing, `default collation of database "We""ird; DROP"`,
					`REINDEX INDEX CONCURRENTLY public."I""x"; ALTER DATABASE "We""ird; DROP" REFRESH COLLATION VERSION;`)
				s.Exec(t, weird, `REINDEX INDEX CONCURRENTLY public."I""x"`, `ALTER DATABASE "We""ird; DROP" REFRESH COLLATION VERSION`)
			}
			if len(found) != wanted {
				t.Errorf("found %s", show(found))
			}
			s.Exec(t, weird, `REINDEX INDEX CONCURRENTLY public.t_pkey`, `ALTER COLLATION public."Co""l" REFRESH VERSION`)
			if f := with("collations", runTarget(t, target)); len(f) > 0 {
				t.Errorf("still found: %s", show(f))
			}
		})
	}
}

// The new version itself says that it cannot make what is found.
func TestLocalesThatThisHostDoesNotHave(t *testing.T) {
	t.Parallel()
	const locale = "xx_XX.UTF-8"
	s := pgtest.Start(t, 17)
	createDatabase(t, s, weird, `CREATE COLLATION "Own" (provider = libc, locale = 'C.UTF-8')`)
	found := run(t, s, 18)
	if f := append(with("locales", found), with("collations", found)...); len(f) > 0 {
		t.Fatalf("found %s", show(f))
	}
	s.Exec(t, weird, `UPDATE pg_collation SET collctype = 'xx_XX.UTF-8' WHERE collname = 'Own'`,
		`UPDATE pg_database SET datcollate = 'xx_XX.UTF-8' WHERE datname = 'template0'`)
	found = run(t, s, 18)
	want(t, found, "locales", finding.Upgrade, `database template0`, `Install the locale: locale-gen xx_XX.UTF-8`)
	want(t, found, "collations", finding.Upgrade, `collation public."Own" in database "We""ird; DROP"`, `Install the locale: locale-gen xx_XX.UTF-8`)
	if n := len(with("locales", found)) + len(with("collations", found)); n != 2 {
		t.Errorf("found %s", show(found))
	}
	green := pgtest.Start(t, 18).Connect(t, "postgres")
	for _, statement := range []string{
		`CREATE DATABASE d LC_COLLATE '` + locale + `' TEMPLATE template0`,
		`CREATE COLLATION c (provider = libc, lc_collate = 'C', lc_ctype = '` + locale + `')`,
	} {
		if _, err := green.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), locale) && !strings.Contains(err.Error(), "invalid") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestWhatDependsOnUnicode(t *testing.T) {
	t.Parallel()
	const letter = `lower(U&'\1C89' COLLATE pg_c_utf8) = U&'\1C8A'` // a capital letter since Unicode 16
	for major, wanted := range map[int]bool{17: false, 18: true} {
		var known bool
		if err := pgtest.Start(t, major).Connect(t, "postgres").QueryRow(t.Context(), `SELECT `+letter).Scan(&known); err != nil || known != wanted {
			t.Errorf("%d knows the letter: %t, %v", major, known, err)
		}
	}
	s := pgtest.Start(t, 17)
	s.Exec(t, "postgres", `CREATE DATABASE "We""ird; DROP" LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' TEMPLATE template0`)
	s.Exec(t, weird, `CREATE TABLE t (id int PRIMARY KEY, x text CONSTRAINT "Sm""all" CHECK (x = lower(x)), y text COLLATE "C" CHECK (y = upper(y)))`,
		`CREATE INDEX "Lo""wer" ON t (lower(x))`, `CREATE INDEX c ON t (lower(x COLLATE "C"))`, `CREATE INDEX plain ON t (x)`,
		`CREATE INDEX same ON t (md5(x))`, `CREATE INDEX partial ON t (id) WHERE x ~* 'a'`, `CREATE INDEX normal ON t (normalize(y))`)
	found := with("unicode-update", run(t, s, 18))
	in := ` in database "We""ird; DROP"`
	want(t, found, "unicode-update", finding.Nothing, `index public."Lo""wer"`+in, `REINDEX INDEX public."Lo""wer"; on green`)
	want(t, found, "unicode-update", finding.Nothing, `index public.partial`+in, `REINDEX INDEX public.partial; on green`)
	want(t, found, "unicode-update", finding.Nothing, `index public.normal`+in, `REINDEX INDEX public.normal; on green`)
	want(t, found, "unicode-update", finding.Nothing, `constraint "Sm""all" of table public.t`+in, `Look for rows of public.t that do not meet CHECK`)
	if len(found) != 4 {
		t.Errorf("found %s", show(found))
	}
}
