package rename_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgtest"
)

// BenchmarkPoint measures how long a client that tries again and again gets no connection by the clients' name, where AWS takes no time and no
// instance is restarted, and how long it is until everything is renamed: it is what pgteal adds.
func BenchmarkPoint(b *testing.B) {
	servers := []*pgtest.Server{pgtest.Start(b, 15), pgtest.Start(b, 18)}
	s := start(b, 0, fmt.Sprintf("127.0.0.1:%d", servers[0].Port), fmt.Sprintf("127.0.0.1:%d", servers[1].Port))
	r := s.open(b)
	landed := func() int {
		conn, err := pgx.Connect(b.Context(), fmt.Sprintf("host=%s port=%d user=postgres sslmode=disable", s.blue.Host, s.Port()))
		if err != nil {
			return 0
		}
		defer func() { _ = conn.Close(context.Background()) }()
		var port int
		if err := conn.QueryRow(b.Context(), "SELECT current_setting('port')::int").Scan(&port); err != nil {
			return 0
		}
		return port
	}
	var without time.Duration
	n := 0
	for b.Loop() {
		n++
		from, to := servers[(n+1)%2], servers[n%2]
		if landed() != from.Port {
			b.Fatal("it does not lead where it was led")
		}
		last, first := time.Now(), time.Time{}
		done := make(chan error, 1)
		go func() {
			endpoint := s.green
			if to == servers[0] {
				endpoint = s.blue
			}
			done <- r.Point(b.Context(), endpoint)
		}()
		for first.IsZero() {
			switch landed() {
			case from.Port:
				last = time.Now()
			case to.Port:
				first = time.Now()
			}
		}
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		without += first.Sub(last)
	}
	b.ReportMetric(without.Seconds()*1000/float64(n), "ms-without-name/op")
}
