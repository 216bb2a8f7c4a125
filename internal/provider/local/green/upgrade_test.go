package green_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/progress"
)

func TestUpgradeKeepsTheDataAndMatchesTheOldCluster(t *testing.T) {
	noLocale := []string{"--encoding", "UTF8", "--locale", "C"}
	icu := []string{"--encoding", "UTF8", "--locale-provider", "icu", "--icu-locale", "de-u-kn", "--locale", "C.UTF-8"}
	builtin := []string{"--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C.UTF-8"}
	const (
		locale   = "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = 'template0'"
		encoding = "SELECT pg_encoding_to_char(encoding) || datcollate FROM pg_database WHERE datname = 'template0'"
	)
	plain := []string{"--encoding", "UTF8", "--locale", "C.UTF-8"}
	for _, test := range []struct {
		name     string
		from, to int
		options  options
		wanted   map[string]string // query: answer on green
	}{
		{"13 to 18, hostile names", 13, 18, options{superuser: hostileRole, space: true}, map[string]string{
			"SHOW data_checksums": "off", "SHOW wal_segment_size": "16MB",
		}},
		{
			"15 to 18, checksums and small WAL segments", 15, 18,
			options{initdb: append(plain, "--data-checksums", "--wal-segsize", "1"), space: true},
			map[string]string{"SHOW data_checksums": "on", "SHOW wal_segment_size": "1MB"},
		},
		{"15 to 17, ICU", 15, 17, options{initdb: icu, superuser: "o'Neil $HOME"}, map[string]string{
			locale: "i de-u-kn", "SHOW data_checksums": "off",
			"SELECT 'a10' < 'a9' COLLATE \"default\"": "false",
		}},
		{"17 to 18, builtin locale, group access", 17, 18, options{initdb: append(builtin, "--allow-group-access")}, map[string]string{
			locale: "b C.UTF-8", "SHOW data_directory_mode": "0750",
		}},
		{"13 to 15, another encoding", 13, 15, options{initdb: append(noLocale, "--data-checksums")}, map[string]string{
			encoding: "UTF8C", "SHOW data_checksums": "on",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, test.from, test.to, test.options)
			var said []string
			step := progress.Reporter(func(e progress.Event) { said = append(said, e.Doing) }).Step("upgrade")
			if err := f.Upgrade(t.Context(), step); err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, "Restoring database schemas") }) {
				t.Errorf("progress said %q", said)
			}
			f.checkData(t)
			if err := f.Upgrade(t.Context(), quiet()); err != nil {
				t.Errorf("once more: %v", err)
			}
			s, stop := f.start(t)
			defer stop()
			for sql, wanted := range test.wanted {
				if got := query(t, s, "postgres", "SELECT x::text FROM ("+strings.Replace(sql, "SHOW ", "SELECT current_setting('", 1)+
					map[bool]string{true: "')"}[strings.HasPrefix(sql, "SHOW ")]+") AS q(x)"); got != wanted {
					t.Errorf("%s: %s, wanted %s", sql, got, wanted)
				}
			}
		})
	}
}

func TestASuperuserThatMayNotLogIn(t *testing.T) {
	for _, test := range []struct{ from, to int }{{13, 18}, {15, 17}, {17, 18}} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, test.from, test.to, options{sql: []string{"SET default_transaction_read_only = off", "ALTER ROLE postgres NOLOGIN"}})
			ctx, cancel := context.WithCancel(t.Context())
			step := progress.Reporter(func(e progress.Event) {
				if strings.Contains(e.Doing, "Checking cluster versions") { // the clone's may log in by now
					cancel()
				}
			}).Step("upgrade")
			if err := f.Upgrade(ctx, step); err == nil {
				t.Error("it was not cut off")
			}
			if err := f.Upgrade(t.Context(), quiet()); err != nil {
				t.Fatal(err)
			}
			s, stop := f.start(t)
			defer stop()
			if got := query(t, s.As("other", "", ""), "postgres", "SELECT rolcanlogin::text FROM pg_roles WHERE oid = 10"); got != "false" {
				t.Errorf("green's bootstrap superuser may log in: %s", got)
			}
		})
	}
}

func TestARefusalShowsWhatPgUpgradeFound(t *testing.T) {
	const writable = "SET default_transaction_read_only = off"
	for _, test := range []struct {
		name     string
		from, to int
		sql      []string
		wanted   []string
	}{
		{
			"reg* column", 15, 18,
			[]string{writable, `CREATE TABLE public."bad""one" (f regproc)`},
			[]string{`bad"one.f`, "tables_using_reg.txt"},
		},
		{
			"reg* column, reports in the working directory", 13, 15,
			[]string{writable, `CREATE TABLE public."bad""one" (f regproc)`},
			[]string{`bad"one.f`, "tables_using_reg.txt"},
		},
		{"closed database", 15, 18, []string{writable, "CREATE DATABASE closed ALLOW_CONNECTIONS false"}, []string{"closed"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, test.from, test.to, options{sql: test.sql})
			err := f.Upgrade(t.Context(), quiet())
			if err == nil {
				t.Fatal("pg_upgrade took it")
			}
			for _, wanted := range test.wanted {
				if !strings.Contains(err.Error(), wanted) {
					t.Errorf("the error lacks %q:\n%v", wanted, err)
				}
			}
			if hint := fault.HintOf(err); !strings.Contains(hint, "pgteal abort") {
				t.Errorf("hint: %q", hint)
			}
			f.nothingRuns(t)
		})
	}
}

// nothingRuns fails the test when a server runs on the clone or on green.
func (f *fixture) nothingRuns(t *testing.T) {
	t.Helper()
	for _, c := range []pgctl.Cluster{f.Old, f.New} {
		if p, err := c.Postmaster(); err == nil {
			t.Errorf("process %d still serves %s", p.PID, c.DataDirectory)
		}
	}
}
