package withdraw_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/libpq"
)

// psql is the port at which a psql of major lands, 0 where it does not.
func psql(t *testing.T, major int, connection string) (port int) {
	t.Helper()
	programs, err := pgctl.Find(major)
	if err != nil {
		t.Error(err)
		return 0
	}
	out, err := programs.Command(t.Context(), pgctl.Self(), "psql", "--no-psqlrc", "--no-align", "--tuples-only", "--no-password",
		"--dbname", connection, "--command", "SELECT inet_server_port()").Output()
	if err == nil {
		_, err = fmt.Sscan(string(out), &port)
	}
	if err != nil {
		return 0
	}
	return port
}

// opened takes pgteal's block out of the server's pg_hba.conf.
func (b *blue) opened(t *testing.T) {
	t.Helper()
	file := filepath.Join(b.Cluster.DataDirectory, "pg_hba.conf")
	content, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, postgres.HBANone.With(content), 0o600)
	}
	if err := errors.Join(err, b.Cluster.Run(t.Context(), b.Cluster.Account, "pg_ctl", "reload", "--pgdata", b.Cluster.DataDirectory)); err != nil {
		t.Fatal(err)
	}
}

func TestLibpqClientsFollowAWithdrawalAndComeBack(t *testing.T) {
	b, green := start(t, 15), pgtest.Start(t, 18)
	connection := fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d user=postgres dbname=postgres target_session_attrs=read-write", b.port, green.Port)
	r, err := libpq.New(connection, "", route.Endpoint{Port: green.Port})
	if err != nil {
		t.Fatal(err)
	}
	land := func(state string, want int) {
		t.Helper()
		pgtest.Eventually(t, time.Minute, state, func() bool { // a reload takes a moment
			where, err := r.Where(t.Context())
			return want == 0 && err != nil || err == nil && where[0].Port == want
		})
		for _, major := range []int{13, 15, 17, 18} {
			if got := psql(t, major, connection); got != want {
				t.Errorf("%s: psql %d lands at port %d, want %d", state, major, got, want)
			}
		}
	}
	land("blue is closed", 0)
	was := b.addresses(t)
	if err := b.Withdraw(t.Context(), was); err != nil {
		t.Fatal(err)
	}
	land("blue is withdrawn", green.Port)
	if err := b.Return(t.Context(), was); err != nil {
		t.Fatal(err)
	}
	land("blue is back and closed", 0)
	b.opened(t)
	land("blue is open", b.port)
}

// The fence holds while the server goes: a client that tries all the time writes nothing.
func TestNoClientGetsInWhileAServerIsWithdrawnOrReturns(t *testing.T) {
	b := start(t, 18)
	dir := filepath.Dir(b.Cluster.DataDirectory)
	was := b.addresses(t)
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var lock sync.Mutex
	said := map[string]int{}
	for _, host := range []string{"127.0.0.1", dir} {
		for _, port := range []int{b.port, 65535} {
			s, err := postgres.Open("blue", fmt.Sprintf("host=%s port=%d user=postgres sslmode=disable", host, port))
			if err != nil {
				t.Fatal(err)
			}
			clients.Go(func() {
				for ctx.Err() == nil {
					conn, err := s.Connect(ctx, "postgres")
					if err == nil {
						postgres.Close(conn)
						t.Errorf("a client got in at %s, port %d", host, port)
						return
					}
					lock.Lock()
					said[postgres.SQLState(err)]++
					lock.Unlock()
				}
			})
		}
	}
	err := errors.Join(b.Withdraw(t.Context(), was), b.Return(t.Context(), was), b.Withdraw(t.Context(), was))
	stop()
	clients.Wait()
	if err != nil {
		t.Error(err)
	}
	var kinds []string
	for code, n := range said {
		kinds = append(kinds, fmt.Sprintf("%q: %d", code, n))
	}
	t.Logf("clients were turned away with %s", strings.Join(kinds, ", "))
}
