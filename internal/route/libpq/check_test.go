package libpq_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/libpq"
)

func TestCheck(t *testing.T) {
	blue, green := pgtest.Start(t, 15), pgtest.Start(t, 18)
	t.Run("connection strings with which clients would not follow are found", func(t *testing.T) { wouldNotFollow(t, blue, green) })
	t.Run("a blue that is about to serve again keeps nobody from rolling back", func(t *testing.T) { rollsBack(t, blue, green) })
	t.Run("nothing holds the password", func(t *testing.T) { holdsNoPassword(t, blue) })
}

func wouldNotFollow(t *testing.T, blue, green *pgtest.Server) {
	t.Helper()
	closed(t, green, true)
	b, g := blue.Port, green.Port
	nobody := pgtest.FreePort(t)
	const rw = " target_session_attrs=read-write"
	for _, test := range []struct {
		connection string
		wanted     []string // checks and words of their findings
	}{
		{fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d%s", b, g, rw), nil},
		{fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d target_session_attrs = 'primary'", b, g), nil},
		{fmt.Sprintf("host=127.0.0.1,127.0.0.1,127.0.0.1 port=%d,%d,%d%s", nobody, b, g, rw), nil},
		{fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/postgres?target_session_attrs=read-write", b, g), nil},
		{fmt.Sprintf("host=127.0.0.1 port=%d%s", b, rw), []string{"libpq-hosts: The connection string has one host"}},
		{fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d", b, g), []string{"libpq-target-session-attrs: any, the default"}},
		{
			fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d target_session_attrs=prefer-standby", b, g),
			[]string{"libpq-target-session-attrs: target_session_attrs=prefer-standby"},
		},
		{fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d%s", b, nobody, rw), []string{fmt.Sprintf("libpq-hosts: green's port %d", g)}},
		{
			fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d load_balance_hosts=random%s", b, g, rw),
			[]string{"libpq-order: load_balance_hosts=random"},
		},
		{
			fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d%s", g, b, rw),
			[]string{fmt.Sprintf("libpq-order: Its first host, 127.0.0.1:%d, is green", g), "libpq-lands: 28000"},
		},
		{
			fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d dbname='no such' %s", b, g, rw),
			[]string{`libpq-lands: database "no such" does not exist`},
		},
		{fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d%s", nobody, g, rw), []string{"libpq-lands: pg_hba.conf rejects"}},
	} {
		connection := test.connection
		if !strings.HasPrefix(connection, "postgres:") {
			connection = "user=postgres dbname=postgres sslmode=disable " + connection
		}
		findings, err := open(t, connection, route.Endpoint{Port: g}).Check(t.Context())
		if err != nil {
			t.Errorf("%s: %v", test.connection, err)
		}
		var got []string
		for _, f := range findings {
			got = append(got, f.Check+": "+f.Reason)
			if f.Blocks != finding.Switchover || f.Fix == "" || !strings.HasPrefix(f.Object, "libpq 127.0.0.1:") {
				t.Errorf("%s: incomplete finding %+v", test.connection, f)
			}
		}
		if len(got) != len(test.wanted) {
			t.Errorf("%s: got %q, want %q", test.connection, got, test.wanted)
			continue
		}
		for _, wanted := range test.wanted {
			check, words, _ := strings.Cut(wanted, ": ")
			if !strings.Contains(strings.Join(got, "\n"), check) || !strings.Contains(strings.Join(got, "\n"), words) {
				t.Errorf("%s: got %q, want %q", test.connection, got, wanted)
			}
		}
	}
}

func rollsBack(t *testing.T, blue, green *pgtest.Server) {
	t.Helper()
	closed(t, green, false)
	closed(t, blue, true)
	findings, err := open(t, conninfo("postgres", blue, green), route.Endpoint{Port: green.Port}).Check(t.Context())
	if err != nil || len(findings) != 0 {
		t.Errorf("Check returned %+v, %v", findings, err)
	}
}

func holdsNoPassword(t *testing.T, blue *pgtest.Server) {
	t.Helper()
	closed(t, blue, true)
	connection := conninfo("postgres", blue, blue)
	l, err := libpq.New(connection, "s3cret", route.Endpoint{Port: blue.Port})
	if err != nil {
		t.Fatal(err)
	}
	_, failed := l.Where(t.Context())
	findings, err := l.Check(t.Context())
	if text := fmt.Sprint(failed, findings, err); failed == nil || strings.Contains(text, "s3cret") {
		t.Errorf("Where and Check say %s", text)
	}
}
