package pgbouncer_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgtest"
)

// PgBouncer takes a login that PAUSE cuts off for a failed one, and then tries no other for server_login_retry.
func TestClientsDoNotWaitForLoginRetriesAfterAPauseThatCutLoginsOff(t *testing.T) {
	a := pgtest.Start(t, 15)
	p := start(t, a, "[databases]\nshop = host=127.0.0.1 port=%[1]d dbname=postgres\n; %[2]s\n", "server_login_retry=3600")
	b, console := open(t, p), connectConsole(t, p)
	var clients []*pgx.Conn
	for range 8 {
		clients = append(clients, connect(t, p, "shop"))
	}
	for round := range 30 { // each resumes clients that need servers, so that the next pause finds logins
		var writers sync.WaitGroup
		var ended atomic.Int32
		for _, client := range clients {
			writers.Go(func() {
				if _, err := client.Exec(t.Context(), "SELECT pg_sleep(0.003)"); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
				ended.Add(1)
			})
		}
		if err := b.Hold(t.Context()); err != nil {
			t.Fatal(err)
		}
		pgtest.Eventually(t, time.Minute, "every client is held or has done", func() bool {
			return int(ended.Load())+waiting(t, console) == len(clients)
		})
		if err := b.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { writers.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(time.Minute):
			p.Stop() // the clients end
			t.Fatalf("round %d: clients are still waiting", round)
		}
	}
	results, err := console.Exec(t.Context(), "SHOW CONFIG").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results[0].Rows {
		if string(r[0]) == "server_login_retry" && string(r[1]) != "3600" {
			t.Errorf("server_login_retry is left at %s", r[1])
		}
	}
}
