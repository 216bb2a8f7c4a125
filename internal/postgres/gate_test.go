package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// gated returns a server with pgteal's role, and the server as that role.
func gated(t testing.TB, major int) (*pgtest.Server, *postgres.Server, *pgx.Conn) {
	t.Helper()
	s := pgtest.Start(t, major)
	admin := s.Connect(t, "postgres")
	password := postgres.NewPassword()
	if err := postgres.CreateRole(t.Context(), admin, "test", password, nil); err != nil {
		t.Fatal(err)
	}
	own := s.As(postgres.Role, password, "")
	if err := s.SetGate(t.Context(), admin, postgres.HBAOpen, postgres.Fence{}); err != nil {
		t.Fatal(err)
	}
	conn, err := own.Connect(t.Context(), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { postgres.Close(conn) })
	return s, own, conn
}

func TestAClosedGateTurnsEverybodyAwayButPgteal(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 18} {
		s, own, conn := gated(t, major)
		s.Exec(t, "postgres", `CREATE ROLE client LOGIN`)
		client, err := postgres.Open("client", fmt.Sprintf("host=127.0.0.1 port=%d user=client sslmode=disable", own.Port()))
		if err != nil {
			t.Fatal(err)
		}
		if err := own.SetGate(t.Context(), conn, postgres.HBAClosed, postgres.Fence{}); err != nil {
			t.Fatal(err)
		}
		for name, server := range map[string]*postgres.Server{"client": client, "superuser": s.Server} {
			if err := server.In(t.Context(), "postgres", func(*pgx.Conn) error { return nil }); postgres.SQLState(err) != "28000" {
				t.Errorf("%d: the %s got %v, wanted to be turned away", major, name, err)
			}
		}
		if err := own.In(t.Context(), "postgres", func(*pgx.Conn) error { return nil }); err != nil {
			t.Errorf("%d: pgteal itself was turned away: %v", major, err)
		}
		if err := own.SetGate(t.Context(), conn, postgres.HBAOpen, postgres.Fence{}); err != nil {
			t.Fatal(err)
		}
		if err := client.In(t.Context(), "postgres", func(*pgx.Conn) error { return nil }); err != nil {
			t.Errorf("%d: with the gate open again: %v", major, err)
		}
	}
}

func TestTheGateLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	_, own, conn := gated(t, 15)
	read := func() (content string) {
		err := conn.QueryRow(t.Context(), `SELECT pg_read_file(current_setting('hba_file'))`).Scan(&content)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	original := string(postgres.HBANone.With([]byte(read())))
	if strings.Contains(original, "pgteal") {
		t.Fatalf("not the original: %s", original)
	}
	for _, hba := range []postgres.HBA{postgres.HBAClosed, postgres.HBAClosed, postgres.HBAOpen, postgres.HBANone} {
		if err := own.SetGate(t.Context(), conn, hba, postgres.Fence{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := postgres.WriteGate(t.Context(), conn, postgres.HBANone, postgres.Fence{}); err != nil {
		t.Fatal(err)
	}
	if left := read(); left != original {
		t.Errorf("pg_hba.conf is\n%s\nand was\n%s", left, original)
	}
	var objects, settings int
	err := conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM pg_largeobject_metadata),
		(SELECT count(*) FROM pg_db_role_setting WHERE setrole = 0 AND setdatabase = 0)`).Scan(&objects, &settings)
	if err != nil || objects != 0 || settings != 0 {
		t.Errorf("%d large objects and %d settings are left (%v)", objects, settings, err)
	}
}

// BenchmarkGate measures what fencing one side and opening the other cost in the pause.
func BenchmarkGate(b *testing.B) {
	_, own, conn := gated(b, 15)
	b.ResetTimer()
	for range b.N {
		if err := own.SetGate(b.Context(), conn, postgres.HBAClosed, postgres.Fence{}); err != nil {
			b.Fatal(err)
		}
	}
}

// What a database or a cluster sets for everybody must not reach pgteal's own sessions, nor what they tell each other.
func TestTheGateWorksWhateverSessionsAreSet(t *testing.T) {
	t.Parallel()
	s, own, _ := gated(t, 15)
	s.Exec(t, "postgres", `CREATE ROLE nobody_special`,
		`ALTER SYSTEM SET DateStyle = 'sql, dmy'`, `ALTER SYSTEM SET TimeZone = 'Asia/Shanghai'`, `SELECT pg_reload_conf()`,
		`ALTER DATABASE postgres SET DateStyle = 'sql, dmy'`, `ALTER DATABASE postgres SET TimeZone = 'Asia/Kolkata'`,
		`ALTER DATABASE postgres SET bytea_output = 'escape'`, `ALTER DATABASE postgres SET standard_conforming_strings = off`,
		`ALTER DATABASE postgres SET role = nobody_special`, `ALTER DATABASE postgres SET default_transaction_read_only = on`)
	conn, err := own.Connect(t.Context(), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer postgres.Close(conn)
	for _, hba := range []postgres.HBA{postgres.HBAClosed, postgres.HBAOpen} {
		if err := own.SetGate(t.Context(), conn, hba, postgres.Fence{}); err != nil {
			t.Fatal(err)
		}
	}
}

// On this host the file is replaced by a new one: a crash leaves the old or the new, whole. A link to it stays a link, and owner and mode
// are as before.
func TestTheFileOfALocalServerIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	data := s.Cluster.DataDirectory
	file, link := filepath.Join(data, "elsewhere.conf"), filepath.Join(data, "pg_hba.conf")
	if err := errors.Join(os.Rename(link, file), os.Symlink(file, link), os.Chmod(file, 0o640)); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	local, err := postgres.Open("local", fmt.Sprintf("host=%s port=%d user=%s", filepath.Dir(data), s.Port, pgtest.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	err = local.In(t.Context(), "postgres", func(conn *pgx.Conn) error {
		return postgres.WriteGate(t.Context(), conn, postgres.HBAOpen, postgres.Fence{})
	})
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(link)
	if err != nil || !strings.HasPrefix(string(content), postgres.HBAOpen.Block()) {
		t.Errorf("the file begins %.80q (%v)", content, err)
	}
	if os.SameFile(before, after) {
		t.Error("the file was written in place")
	}
	owner, err := pgctl.OwnerOf(file)
	if after.Mode() != before.Mode() || err != nil || owner.UID != s.Cluster.Account.UID {
		t.Errorf("mode %v and owner %+v (%v), mode was %v", after.Mode(), owner, err, before.Mode())
	}
	if target, err := os.Readlink(link); err != nil || target != file {
		t.Errorf("the link leads to %q (%v)", target, err)
	}
}

// A fence that could not be raised, because a client's transaction has changed a database, has nothing to put back. Clients are held meanwhile, so
// whoever gives them their writes back does not wait for that transaction.
func TestOpeningDoesNotWaitForWhatKeptTheFenceFromClosing(t *testing.T) {
	t.Parallel()
	s, own, conn := gated(t, 15)
	client := s.Connect(t, "postgres")
	fence, err := postgres.ReadFence(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Exec(t.Context(), `BEGIN; ALTER DATABASE postgres CONNECTION LIMIT 7`); err != nil {
		t.Fatal(err)
	}
	err = own.SetGate(t.Context(), conn, postgres.HBAClosed, fence)
	if postgres.SQLState(err) != "55P03" || !strings.Contains(err.Error(), "an open transaction has changed a role or a database") {
		t.Errorf("closing: %v, wanted it to give up for the lock and to say so", err)
	}
	var waited bool
	watched := make(chan struct{})
	watcher := s.Connect(t, "postgres")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(watched)
		for ctx.Err() == nil && !waited {
			_ = watcher.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'
				AND clock_timestamp() - query_start > '1 s')`, conn.PgConn().PID()).Scan(&waited)
		}
	}()
	if err := own.SetGate(t.Context(), conn, postgres.HBAOpen, fence); err != nil {
		t.Errorf("opening: %v", err)
	}
	cancel()
	<-watched
	if waited {
		t.Error("opening waited for the client's transaction")
	}
}
