// Package routetest holds every route to the promises of route.Route, with real servers and real clients.
package routetest

import (
	"path/filepath"
	"testing"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/route"
)

// Databases are on both servers, each with a table public.written.
var Databases = []string{"shop", "MixedCase", `We"ird; DROP`}

// Rig is a route in place, with the way by which clients use it. It leads to server A.
type Rig struct {
	// New returns the route as another process of pgteal would have it. The suite closes it.
	New func(t testing.TB) route.Route

	// Conninfo is the connection string with which a client reaches database through the route.
	Conninfo func(database string) string

	Holds bool     // Hold keeps clients waiting
	Waits bool     // Hold keeps those waiting who connect
	Keeps bool     // clients keep their connection when the route leads elsewhere; else they connect again
	Files []string // what Restore puts back, byte for byte
}

// Run runs the suite. NewRig puts a route in place that leads to a, and takes it away when its test ends.
func Run(t *testing.T, newRig func(t *testing.T, a, b *pgtest.Server) Rig) {
	t.Helper()
	a, b := Servers(t)
	for _, test := range []struct {
		promise string
		try     func(*testing.T, *scene)
	}{
		{"a client's writes arrive where Where says", leads},
		{"Check finds nothing that blocks", checks},
		{"held clients wait and then write to the other server without an error", moves},
		{"a client that wrote all the time sees no error", busy},
		{"clients that connect while held wait and reach the other server without an error", admits},
		{"no session goes on to the server that the route has left", leaves},
		{"Hold with an open transaction runs out of time and harms nobody", times},
		{"every method can be repeated", repeats},
		{"a new process releases what a dead one held", inherits},
		{"Restore puts the files back byte for byte", restores},
	} {
		t.Run(test.promise, func(t *testing.T) {
			for _, s := range []*pgtest.Server{a, b} {
				for _, database := range Databases {
					s.Exec(t, database, "TRUNCATE public.written")
				}
			}
			s := &scene{Rig: newRig(t, a, b), a: a, b: b}
			s.route = s.open(t)
			test.try(t, s)
		})
	}
}

// Servers returns two servers with the suite's databases.
func Servers(t *testing.T) (a, b *pgtest.Server) {
	t.Helper()
	a, b = pgtest.Start(t, 15), pgtest.Start(t, 18)
	for _, s := range []*pgtest.Server{a, b} {
		for _, database := range Databases {
			s.Exec(t, "postgres", "CREATE DATABASE "+postgres.Ident(database))
			s.Exec(t, database, "CREATE TABLE public.written (client text, n int, PRIMARY KEY (client, n))")
		}
	}
	return a, b
}

// Endpoint is the address of s.
func Endpoint(s *pgtest.Server) route.Endpoint {
	return route.Endpoint{Host: "127.0.0.1", Port: s.Port, SocketDirectory: filepath.Dir(s.Cluster.DataDirectory)}
}
