package withdraw_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider/local/withdraw"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// blue is a server with its settings in files, as operators have it.
type blue struct {
	withdraw.Server
	port int
	log  string
}

func start(t *testing.T, major int) *blue {
	t.Helper()
	programs, err := pgctl.Find(major)
	if err != nil {
		t.Fatal(err)
	}
	account, err := pgctl.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	dir := pgtest.Directory(t)
	b := &blue{port: pgtest.FreePort(t), log: filepath.Join(dir, "log")}
	c := pgctl.Cluster{Programs: programs, Account: account, DataDirectory: filepath.Join(dir, "data")}
	if err := c.Init(t.Context(), "--username", "postgres", "--auth", "trust", "--no-sync"); err != nil {
		t.Fatal(err)
	}
	conf, err := os.OpenFile(filepath.Join(c.DataDirectory, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conf, "port = %d\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '%s'\nfsync = off\nwal_level = logical\n", b.port, dir)
	if err := errors.Join(err, conf.Close(), c.Start(t.Context(), b.log)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Stop(ctx, "immediate"); err != nil {
			t.Error(err)
		}
	})
	b.Cluster = c
	b.Restart = func(ctx context.Context) error { return c.Restart(ctx, b.log) }
	password := postgres.NewPassword()
	b.Reach = func(context.Context) (*postgres.Server, error) {
		p, err := c.Postmaster()
		if err != nil {
			return nil, err
		}
		s, err := postgres.Open("blue", fmt.Sprintf("host=%s port=%d user=postgres", p.SocketDirectory, p.Port))
		if err != nil {
			return nil, err
		}
		return s.As(postgres.Role, password, ""), nil
	}
	operator, err := postgres.Open("blue", fmt.Sprintf("host=%s port=%d user=postgres", dir, b.port))
	if err != nil {
		t.Fatal(err)
	}
	err = operator.In(t.Context(), "postgres", func(conn *pgx.Conn) error {
		if err := postgres.CreateRole(t.Context(), conn, "test", password, nil); err != nil {
			return err
		}
		block := postgres.HBAClosed.Block()
		content, err := os.ReadFile(filepath.Join(c.DataDirectory, "pg_hba.conf"))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(c.DataDirectory, "pg_hba.conf"), append([]byte(block), content...), 0o600); err != nil {
			return err
		}
		_, err = conn.Exec(t.Context(), "SELECT pg_reload_conf()")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, time.Minute, "blue is closed", func() bool {
		conn, err := operator.Connect(t.Context(), "postgres")
		if err == nil {
			postgres.Close(conn)
		}
		return postgres.SQLState(err) == "28000"
	})
	return b
}

// exec runs statements, each on its own, as pgteal's role.
func (b *blue) exec(t *testing.T, statements ...string) {
	t.Helper()
	b.in(t, func(conn *pgx.Conn) error {
		for _, statement := range statements {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
}

func (b *blue) in(t *testing.T, do func(*pgx.Conn) error) {
	t.Helper()
	s, err := b.Reach(t.Context())
	if err == nil {
		err = s.In(t.Context(), "postgres", do)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (b *blue) addresses(t *testing.T) (a postgres.Addresses) {
	t.Helper()
	b.in(t, func(conn *pgx.Conn) (err error) {
		a, err = postgres.ReadAddresses(t.Context(), conn)
		return err
	})
	return a
}

func (b *blue) autoConf(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(b.Cluster.DataDirectory, "postgresql.auto.conf"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// listens tells whether clients find somebody at the server's TCP port or at its Unix socket.
func (b *blue) listens(t *testing.T) bool {
	t.Helper()
	open := false
	for network, address := range map[string]string{
		"tcp":  fmt.Sprintf("127.0.0.1:%d", b.port),
		"unix": filepath.Join(filepath.Dir(b.Cluster.DataDirectory), fmt.Sprintf(".s.PGSQL.%d", b.port)),
	} {
		conn, err := net.Dial(network, address)
		if err == nil {
			open = true
			_ = conn.Close() // nothing was said
		}
	}
	return open
}

func TestAWithdrawnServerIsFoundByPgtealAloneAndComesBackAsItWas(t *testing.T) {
	b := start(t, 15)
	for _, before := range []string{
		"",
		"ALTER SYSTEM SET listen_addresses = 'localhost, 127.0.0.1'",
		"ALTER SYSTEM SET port = %d",
	} {
		t.Run(before, func(t *testing.T) {
			if before != "" {
				b.exec(t, strings.ReplaceAll(before, "%d", fmt.Sprint(b.port)))
				if err := b.Restart(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			was, conf := b.addresses(t), b.autoConf(t)
			for range 2 {
				if err := b.Withdraw(t.Context(), was); err != nil {
					t.Fatal(err)
				}
				if b.listens(t) {
					t.Fatal("clients still find the server")
				}
				b.exec(t, "CREATE TABLE IF NOT EXISTS public.of_pgteal (n int)", "INSERT INTO public.of_pgteal VALUES (1)")
			}
			for range 2 {
				if err := b.Return(t.Context(), was); err != nil {
					t.Fatal(err)
				}
				if !b.listens(t) {
					t.Fatal("clients do not find the server again")
				}
			}
			if after := b.autoConf(t); after != conf {
				t.Errorf("postgresql.auto.conf was\n%s and is\n%s", conf, after)
			}
		})
	}
}

func TestWhatWasCutOffAnywhereCanBeRepeatedOrTakenBack(t *testing.T) {
	b := start(t, 18)
	was, conf := b.addresses(t), b.autoConf(t)
	cut := errors.New("cut off")
	before := func(context.Context) error { return cut }
	within := func(ctx context.Context) error { return errors.Join(cut, b.Cluster.Stop(ctx, "fast")) }
	restart := b.Restart
	for name, broken := range map[string]func(context.Context) error{"before the restart": before, "within the restart": within} {
		for direction, run := range map[string]func(context.Context, postgres.Addresses) error{
			"withdraw": func(ctx context.Context, a postgres.Addresses) error { return b.Withdraw(ctx, a) },
			"return":   func(ctx context.Context, a postgres.Addresses) error { return b.Return(ctx, a) },
		} {
			for _, wanted := range []bool{true, false} { // withdrawn in the end
				if direction == "return" {
					if err := b.Withdraw(t.Context(), was); err != nil {
						t.Fatal(err)
					}
				}
				b.Restart = broken
				if err := run(t.Context(), was); !errors.Is(err, cut) {
					t.Fatalf("%s, cut off %s: %v", direction, name, err)
				}
				b.Restart = restart
				end := b.Return
				if wanted {
					end = b.Withdraw
				}
				if err := end(t.Context(), was); err != nil {
					t.Fatalf("after %s was cut off %s: %v", direction, name, err)
				}
				if err := restart(t.Context()); err != nil { // what the files say counts, too
					t.Fatal(err)
				}
				if b.listens(t) == wanted {
					t.Errorf("%s was cut off %s, then withdrawn is %v, want %v", direction, name, !wanted, wanted)
				}
				if err := b.Return(t.Context(), was); err != nil {
					t.Fatal(err)
				}
				if after := b.autoConf(t); after != conf {
					t.Errorf("%s was cut off %s: postgresql.auto.conf was\n%s and is\n%s", direction, name, conf, after)
				}
			}
		}
	}
}

func TestAServerThatCannotBeWithdrawnIsFoundBeforehand(t *testing.T) {
	s := pgtest.Start(t, 15) // with its addresses on the command line
	_, err := postgres.ReadAddresses(t.Context(), s.Connect(t, "postgres"))
	if err == nil || !strings.Contains(err.Error(), "command line") || !strings.Contains(fault.HintOf(err), "postgresql.conf") {
		t.Errorf("ReadAddresses returned %v", err)
	}
}

// What a withdrawn server subscribes to reaches it: its workers connect, nobody connects to it.
func TestAWithdrawnServerGoesOnApplying(t *testing.T) {
	b := start(t, 15)
	green := pgtest.Start(t, 18)
	table := `CREATE TABLE "We""ird" (n int PRIMARY KEY)`
	green.Exec(t, "postgres", table, `CREATE PUBLICATION p FOR TABLE "We""ird"`)
	b.exec(t, strings.Replace(table, `"We`, `public."We`, 1), fmt.Sprintf(
		"CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=%d user=postgres dbname=postgres' PUBLICATION p", green.Port))
	if err := b.Withdraw(t.Context(), b.addresses(t)); err != nil {
		t.Fatal(err)
	}
	green.Exec(t, "postgres", `INSERT INTO "We""ird" VALUES (7)`)
	pgtest.Eventually(t, time.Minute, "green's row is on blue", func() (there bool) {
		b.in(t, func(conn *pgx.Conn) error {
			return conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM public."We""ird" WHERE n = 7)`).Scan(&there)
		})
		return there
	})
}
