package rdstest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route"
)

// Switched is what BenchmarkPoint measures: a route whose clients go to host.
type Switched struct {
	route.Route
	Stage       *Stage
	Host        string
	Blue, Green route.Endpoint
}

// BenchmarkPoint measures how long a client that tries again and again gets no connection while a route is led back and forth, where AWS takes no
// time: it is what pgteal adds. start makes the route between two servers, as host:port. The metric without is in milliseconds.
func BenchmarkPoint(b *testing.B, without string, start func(blue, green string) Switched) {
	b.Helper()
	servers := []*pgtest.Server{pgtest.Start(b, 15), pgtest.Start(b, 18)}
	s := start(fmt.Sprintf("127.0.0.1:%d", servers[0].Port), fmt.Sprintf("127.0.0.1:%d", servers[1].Port))
	landed := func() int {
		conn, err := pgx.Connect(b.Context(), fmt.Sprintf("host=%s port=%d user=postgres sslmode=disable", s.Host, s.Stage.Port()))
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
	var gap time.Duration
	n := 0
	for b.Loop() {
		n++
		from, to := servers[(n+1)%2], servers[n%2]
		if landed() != from.Port {
			b.Fatal("it does not lead where it was led")
		}
		last, first := time.Now(), time.Time{}
		done := make(chan error, 1)
		go func() { done <- s.Point(b.Context(), []route.Endpoint{s.Blue, s.Green}[n%2]) }()
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
		gap += first.Sub(last)
	}
	b.ReportMetric(gap.Seconds()*1000/float64(n), without)
}
