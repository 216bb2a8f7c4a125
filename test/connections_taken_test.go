package test

import (
	"testing"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/test/site"
)

// Where superusers have taken every connection, the configuration is not what has to be mended.
func TestConnectionsThatAreAllTakenAreNamed(t *testing.T) {
	s := site.New(t, site.Options{Direct: true, Settings: []string{"max_connections = 12"}})
	for {
		conn, err := s.Blue.Server.Connect(t.Context(), "postgres")
		if postgres.SQLState(err) == "53300" { // too_many_connections
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { postgres.Close(conn) })
	}
	pgteal(t, failed, s, "check").says(t, "All of blue's connections are taken")
}
