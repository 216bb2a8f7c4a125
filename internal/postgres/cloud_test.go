package postgres_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/rights"
)

const cloudDatabase = `We"ird; DROP`

// cloud starts a cluster without superuser and lets pgteal's role in, as the step publish does. Until 15 the master user owns things itself.
func cloud(t *testing.T, major int, settings ...pgctl.Setting) (master *pgtest.Server, own *postgres.Server) {
	t.Helper()
	settings = append(settings, pgctl.Setting{Name: "log_statement", Value: "all"})
	master, admin := pgtest.StartCloud(t, major, settings...)
	master.Exec(t, "postgres", `CREATE ROLE owner`, `GRANT owner TO postgres`, `CREATE ROLE app LOGIN`,
		`CREATE DATABASE `+postgres.Ident(cloudDatabase)+` OWNER owner`,
		`REVOKE CONNECT ON DATABASE `+postgres.Ident(cloudDatabase)+` FROM PUBLIC`,
		`GRANT CONNECT ON DATABASE `+postgres.Ident(cloudDatabase)+` TO app`,
		`ALTER DATABASE `+postgres.Ident(cloudDatabase)+` SET default_transaction_read_only = off`)
	if major >= 16 {
		master.Exec(t, "postgres", `CREATE ROLE dba NOLOGIN`, `GRANT dba TO postgres`, `ALTER DATABASE postgres OWNER TO dba`,
			`ALTER DATABASE template1 OWNER TO dba`)
	}
	conn := master.Connect(t, "postgres")
	owners, err := postgres.Owners(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	password := postgres.NewPassword()
	if err := postgres.CreateRole(t.Context(), conn, "test", password, owners); err != nil {
		t.Fatal(err)
	}
	if err := master.SetGate(t.Context(), conn, postgres.HBAOpen, postgres.Fence{}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(master.Cluster.DataDirectory, "pg_hba.conf")
	content, err := os.ReadFile(file)
	if err == nil { // a subscription of an ordinary role's has to be asked for its password
		err = os.WriteFile(file, postgres.HBAOpen.With(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	err = admin.In(t.Context(), "postgres", func(conn *pgx.Conn) error {
		if _, err := conn.Exec(t.Context(), `SELECT pg_reload_conf()`); err != nil {
			return err
		}
		return rights.Sync(t.Context(), conn)
	})
	if err != nil {
		t.Fatal(err)
	}
	return master, master.As(postgres.Role, password, "")
}

// may tells who can connect where.
func may(t *testing.T, s *postgres.Server) map[string]bool {
	t.Helper()
	in := map[string]bool{}
	for _, role := range []string{"postgres", "owner", "app", postgres.Role} {
		for _, database := range []string{"postgres", "template1", cloudDatabase} {
			as := s.As(role, "", "")
			if role == postgres.Role {
				as = s
			}
			conn, err := as.Connect(t.Context(), database)
			if err == nil {
				postgres.Close(conn)
			}
			in[role+" in "+database] = err == nil
		}
	}
	return in
}

func TestAGateInACloudTurnsEverybodyAwayButPgtealAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 15, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			master, own := cloud(t, major)
			conn, err := own.Connect(t.Context(), "postgres")
			if err != nil {
				t.Fatal(err)
			}
			defer postgres.Close(conn)
			open := may(t, own)
			fence, err := postgres.ReadFence(t.Context(), conn)
			if err != nil {
				t.Fatal(err)
			}
			if names, err := postgres.OpenDatabases(t.Context(), conn); err != nil || len(names) > 0 {
				t.Errorf("cannot be closed: %q %v", names, err)
			}
			for range 2 { // whoever was cut off does it again
				if err := own.SetGate(t.Context(), conn, postgres.HBAClosed, fence); err != nil {
					t.Fatal(err)
				}
				if wrong, _, err := postgres.GateIsClosed(t.Context(), conn); err != nil || wrong != "" {
					t.Errorf("%q %v", wrong, err)
				}
				for who, gotIn := range may(t, own) { // the master user is an owner, or has an owner's rights
					if gotIn != (strings.HasPrefix(who, postgres.Role+" ") || who == "postgres in "+postgres.Door) {
						t.Errorf("closed: %s: %t", who, gotIn)
					}
				}
			}
			master.Exec(t, postgres.Door, `GRANT CONNECT ON DATABASE postgres TO app`) // whoever has lost pgteal's state gets in there
			wrong, mend, err := postgres.GateIsClosed(t.Context(), conn)
			if err != nil || !strings.Contains(wrong, "app") {
				t.Errorf("%q %v", wrong, err)
			}
			if _, err := conn.Exec(t.Context(), mend); err != nil {
				t.Fatal(err)
			}
			if wrong, _, err := postgres.GateIsClosed(t.Context(), conn); err != nil || wrong != "" {
				t.Errorf("mended: %q %v", wrong, err)
			}
			if err := own.SetGate(t.Context(), conn, postgres.HBAOpen, fence); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(open, may(t, own)); diff != "" {
				t.Error(diff)
			}
			again, err := postgres.ReadFence(t.Context(), conn)
			if diff := cmp.Diff(fence, again); err != nil || diff != "" {
				t.Error(err, diff)
			}
			if err := postgres.WriteGate(t.Context(), conn, postgres.HBANone, fence); err != nil {
				t.Fatal(err)
			}
			if err := postgres.DropRole(t.Context(), master.Connect(t, "postgres"), "test"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestASubscriptionInACloudLetsNoPasswordOut(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 15, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			master, own := cloud(t, major)
			publisher, publishes := cloud(t, 15)
			err := publishes.In(t.Context(), cloudDatabase, func(conn *pgx.Conn) error {
				for _, statement := range []string{
					`CREATE PUBLICATION pgteal`, `SELECT pg_create_logical_replication_slot('pgteal_1', 'pgoutput')`, `CREATE TABLE public.t (a int)`,
				} {
					if _, err := conn.Exec(t.Context(), statement); err != nil {
						return fmt.Errorf("%s: %w", statement, err)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			s := postgres.Subscription{Name: "pgteal_1", Publisher: publishes, Database: cloudDatabase}
			subscribe := func(s postgres.Subscription) error {
				return own.In(t.Context(), cloudDatabase, func(conn *pgx.Conn) error { return postgres.Subscribe(t.Context(), conn, s, 15) })
			}
			if err := subscribe(s); err != nil {
				t.Fatal(err)
			}
			pgtest.Eventually(t, time.Minute, "the apply worker is connected", func() bool {
				var active bool
				err := publishes.In(t.Context(), "postgres", func(conn *pgx.Conn) error {
					return conn.QueryRow(t.Context(), `SELECT active FROM pg_replication_slots`).Scan(&active)
				})
				return err == nil && active
			})
			lost := s
			lost.Name, lost.Publisher = "pgteal_2", publishes.At("127.0.0.1", 1)
			if err := subscribe(lost); err == nil {
				t.Error("it subscribed to nobody")
			}
			for _, log := range []string{master.LogFile, publisher.LogFile} {
				content, err := os.ReadFile(log)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(content), "password=") {
					t.Errorf("%s holds a connection string with a password", log)
				}
			}
			err = own.As("app", "", "").In(t.Context(), cloudDatabase, func(conn *pgx.Conn) error {
				var conninfo string
				return conn.QueryRow(t.Context(), `SELECT subconninfo FROM pg_subscription`).Scan(&conninfo)
			})
			if postgres.SQLState(err) != "42501" { // insufficient_privilege
				t.Errorf("an ordinary role reads it: %v", err)
			}
			if err := own.In(t.Context(), cloudDatabase, func(conn *pgx.Conn) error {
				return errors.Join(postgres.DropSubscriptions(t.Context(), conn, "pgteal_1"), postgres.DropSubscriptions(t.Context(), conn, "pgteal_2"))
			}); err != nil {
				t.Error(err)
			}
		})
	}
}
