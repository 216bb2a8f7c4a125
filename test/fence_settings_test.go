package test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/test/site"
)

// fenced is what a fence changes, as one text.
const fenceState = `SELECT concat_ws(E'\n', (SELECT string_agg(s::text, ' ' ORDER BY s) FROM pg_db_role_setting s),
	(SELECT string_agg(datname || ' ' || datconnlimit, ', ' ORDER BY datname) FROM pg_database),
	(SELECT string_agg(rolname || ' ' || rolcanlogin, ', ' ORDER BY rolname) FROM pg_roles WHERE rolname <> 'pgteal'))`

// Roles and databases with settings of their own, and clients that are in the middle of their login when the fence comes, an ordinary one
// and a superuser: none of them writes to the fenced side. Everything is put back exactly when it is opened again.
func TestTheFenceClosesWhatIsReadAfterTheLoginAndPutsItBack(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	s.Blue.Exec(t, "shop", `CREATE ROLE "We""ird; DROP" LOGIN SUPERUSER PASSWORD 'hush'`, `CREATE ROLE slow LOGIN PASSWORD 'hush'`,
		`ALTER ROLE "We""ird; DROP" SET default_transaction_read_only = off`, `ALTER ROLE slow IN DATABASE shop SET default_transaction_read_only = off`,
		`ALTER DATABASE shop SET default_transaction_read_only = 'off'`, `ALTER DATABASE shop CONNECTION LIMIT 77`,
		`CREATE TABLE public.late (who text PRIMARY KEY)`, `GRANT ALL ON public.late TO slow`, `CREATE ROLE leaver LOGIN SUPERUSER`,
		`CREATE TABLE public.guarded (i int PRIMARY KEY)`, `ALTER TABLE public.guarded OWNER TO slow`, `REVOKE ALL ON public.guarded FROM slow`,
		`ALTER TABLE public.guarded ENABLE ROW LEVEL SECURITY`, `ALTER TABLE public.guarded FORCE ROW LEVEL SECURITY`)
	hba := filepath.Join(s.Blue.Cluster.DataDirectory, "pg_hba.conf")
	content, err := os.ReadFile(hba)
	if err != nil {
		t.Fatal(err)
	}
	asks := "host all slow all password\nhost all \"We\"\"ird; DROP\" all password\n"
	if err := os.WriteFile(hba, append([]byte(asks), content...), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Blue.Exec(t, "postgres", "SELECT pg_reload_conf()")
	pgteal(t, done, s, "prepare")
	s.Blue.Exec(t, "shop", `INSERT INTO public.guarded VALUES (1)`) // applied although the table's owner may not write to it
	before := text(t, s.Blue, fenceState)

	// A client's transaction that holds a row which the fence has to change.
	client := s.Blue.Connect(t, "shop")
	must(t, client, "BEGIN", "GRANT CONNECT ON DATABASE shop TO slow")
	pgteal(t, backedOut, s, "switchover").says(t, "lock timeout")
	if got := s.AsApp(t, s.Blue.Port, "shop", "SELECT 'in'"); got != "in" {
		t.Errorf("after backing out a client gets %s", got)
	}
	must(t, client, "ROLLBACK")
	if now := text(t, s.Blue, fenceState); now != before {
		t.Errorf("after backing out blue has\n%s\nand had\n%s", now, before)
	}

	late := map[string]*pgproto3.Frontend{}
	for _, role := range []string{"slow", `We"ird; DROP`} {
		late[role] = beginLogin(t, s.Blue.Port, role)
	}
	pgteal(t, done, s, "switchover")
	for role, client := range late {
		if said := write(client, "hush", "BEGIN READ WRITE; INSERT INTO public.late VALUES (current_user); COMMIT"); said == "" {
			t.Errorf("%s wrote to blue behind the fence", role)
		} else {
			t.Logf("%s: %s", role, said)
		}
	}
	// A role that is gone on both sides has nothing to be put back.
	must(t, s.Green(t).Connect(t, "postgres"), "DROP ROLE leaver")
	err = s.Pgteal(t, s.Blue.Port).In(t.Context(), "postgres", func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), "DROP ROLE leaver")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	before = strings.Replace(before, "leaver true, ", "", 1)
	pgteal(t, done, s, "rollback")
	if now := text(t, s.Blue, fenceState); now != before {
		t.Errorf("blue has\n%s\nand had\n%s", now, before)
	}
	pgteal(t, done, s, "switchover")
	if rows := text(t, s.Green(t), "SELECT concat((SELECT count(*) FROM public.late), (SELECT count(*) FROM public.guarded))"); rows != "01" {
		t.Errorf("%s rows", rows)
	}
}

func text(t *testing.T, server *pgtest.Server, query string) (text string) {
	t.Helper()
	err := server.In(t.Context(), "shop", func(conn *pgx.Conn) error { return conn.QueryRow(t.Context(), query).Scan(&text) })
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// beginLogin connects as role and stops where the server wants the password.
func beginLogin(t *testing.T, port int, role string) *pgproto3.Frontend {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	client := pgproto3.NewFrontend(conn, conn)
	client.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": role, "database": "shop"}})
	if err := client.Flush(); err != nil {
		t.Fatal(err)
	}
	if message, err := client.Receive(); err != nil {
		t.Fatal(err)
	} else if _, ok := message.(*pgproto3.AuthenticationCleartextPassword); !ok {
		t.Fatalf("the server wants %#v", message)
	}
	return client
}

// write ends the login and writes. It returns what the server has against it, "" where it has nothing.
func write(client *pgproto3.Frontend, password, statements string) string {
	client.Send(&pgproto3.PasswordMessage{Password: password})
	client.Send(&pgproto3.Query{String: statements})
	if err := client.Flush(); err != nil {
		return err.Error()
	}
	for ready := 0; ready < 2; { // after the login, and after the statements
		message, err := client.Receive()
		if err != nil {
			return err.Error()
		}
		switch message := message.(type) {
		case *pgproto3.ErrorResponse:
			return fmt.Sprintf("%s: %s", message.Code, message.Message)
		case *pgproto3.ReadyForQuery:
			ready++
		}
	}
	return ""
}
