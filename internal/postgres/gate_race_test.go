package postgres_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
)

// A session that begins at the very moment when the gate is said to be closed is turned away, and one at the moment when it is open gets in,
// again and again, while the operator's own reloads come in between.
func TestTheGateIsObeyedAtOnce(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 18} {
		s, own, conn := gated(t, major)
		s.Exec(t, "postgres", `CREATE ROLE client LOGIN`)
		other := s.Connect(t, "postgres")
		client, err := postgres.Open("client", fmt.Sprintf("host=127.0.0.1 port=%d user=client sslmode=disable", own.Port()))
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			for _, hba := range []postgres.HBA{postgres.HBAClosed, postgres.HBAOpen} {
				if _, err := other.Exec(t.Context(), "SELECT pg_reload_conf()"); err != nil {
					t.Fatal(err)
				}
				if err := own.SetGate(t.Context(), conn, hba, postgres.Fence{}); err != nil {
					t.Fatal(err)
				}
				err := client.In(t.Context(), "postgres", func(*pgx.Conn) error { return nil })
				if in := err == nil; in != (hba == postgres.HBAOpen) {
					t.Fatalf("%d: the gate is %s, and a client gets %v", major, hba, err)
				}
			}
		}
	}
}
