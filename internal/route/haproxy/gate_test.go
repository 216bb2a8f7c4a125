package haproxy_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// gated is a server that turns role app away while its gate is closed, which is all that pgteal's gate does as far as HAProxy can see.
type gated struct {
	*pgtest.Server
	admin *pgx.Conn
}

func startGated(t testing.TB, major int) *gated {
	t.Helper()
	s := pgtest.Start(t, major)
	s.Exec(t, "postgres", "CREATE ROLE app LOGIN SUPERUSER", "CREATE TABLE public.written (client int)")
	return &gated{Server: s, admin: s.Connect(t, "postgres")}
}

func (g *gated) setGate(t testing.TB, method string) {
	t.Helper()
	text := fmt.Sprintf("host all app 127.0.0.1/32 %s\nhost all all 127.0.0.1/32 trust\n", method)
	if err := os.WriteFile(filepath.Join(g.Cluster.DataDirectory, "pg_hba.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := g.admin.Exec(t.Context(), "SELECT pg_reload_conf()"); err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, patience, "the gate is "+method, func() bool {
		conn, err := pgx.Connect(t.Context(), fmt.Sprintf("host=127.0.0.1 port=%d user=app dbname=postgres sslmode=disable", g.Port))
		if err == nil {
			postgres.Close(conn)
		}
		return (err == nil) == (method == "trust")
	})
	if method == "trust" {
		return
	}
	if _, err := g.admin.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'"); err != nil {
		t.Fatal(err)
	}
}

// strict is one server whose health check logs in, and takes a closed gate for a server that is down.
var strict = strings.Replace(single, "check inter 200ms", "check inter 20ms fall 2 rise 50\n\toption pgsql-check user app", 1)

// Eight clients connect again and again while their sessions are ended, both gates are closed, and the health check finds both
// servers down. None is turned away.
func TestClientsThatConnectAgainAreNotTurnedAwayWhateverTheHealthCheckSays(t *testing.T) {
	blue, green := startGated(t, 15), startGated(t, 18)
	for _, moves := range []bool{false, true} { // it backs out, then it does not
		t.Run(fmt.Sprintf("moves=%t", moves), func(t *testing.T) {
			green.setGate(t, "reject")
			r := start(t, strict, blue.Port, green.Port)
			h := r.route()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var writers sync.WaitGroup
			defer writers.Wait()
			var connected [8]atomic.Int64
			for i := range connected {
				writers.Go(func() {
					for ctx.Err() == nil {
						conn, err := pgx.Connect(t.Context(), strings.Replace(r.conninfo("postgres"), "user=postgres", "user=app", 1))
						if err != nil {
							t.Errorf("client %d was turned away: %v", i, err)
							return
						}
						connected[i].Add(1)
						for err == nil && ctx.Err() == nil {
							_, err = conn.Exec(t.Context(), "INSERT INTO public.written VALUES ($1)", i)
						}
						postgres.Close(conn)
					}
				})
			}
			all := func(n int64) func() bool {
				return func() bool {
					for i := range connected {
						if connected[i].Load() < n {
							return false
						}
					}
					return true
				}
			}
			down := func() bool {
				where, err := h.Where(t.Context())
				return err == nil && len(where) == 0
			}
			pgtest.Eventually(t, patience, "every client is connected", all(1))
			do(t, "Hold", h.Hold)
			blue.setGate(t, "reject")
			pgtest.Eventually(t, patience, "the check finds blue down", down)
			port := blue.Port
			if moves {
				point(t, h, green.Port)
				pgtest.Eventually(t, patience, "the check finds green down", down)
				green.setGate(t, "trust")
				port = green.Port
			} else {
				blue.setGate(t, "trust")
			}
			do(t, "Release", h.Release)
			leadsTo(t, h, port)
			pgtest.Eventually(t, patience, "every client is connected again", all(2))
			stop()
		})
	}
}
