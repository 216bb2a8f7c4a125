package postgres_test

import (
	"fmt"
	"testing"

	"github.com/pgteal/pgteal/internal/pgtest"
)

// A database whose removal was interrupted is none any more, and neither is the one that the cloud keeps to itself.
func TestDatabasesThatTakeNoConnectionsAreNotListed(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 17} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, major)
			s.Exec(t, "postgres", `CREATE DATABASE "sh""op"`, `CREATE DATABASE half`, `CREATE DATABASE closed ALLOW_CONNECTIONS false`,
				`CREATE ROLE rdsadmin`, `CREATE DATABASE rdsadmin OWNER rdsadmin`)
			s.Exec(t, "half", `UPDATE pg_database SET datconnlimit = -2 WHERE datname IN ('half', 'postgres')`)
			if _, err := s.Server.Connect(t.Context(), "half"); err == nil {
				t.Error("the server lets us in")
			}
			databases, err := s.Databases(t.Context())
			if err != nil || len(databases) != 1 || databases[0].Name != `sh"op` {
				t.Errorf("listed %v, %v", databases, err)
			}
			if name, err := s.MaintenanceDatabase(t.Context()); err != nil || name != `sh"op` {
				t.Errorf("maintenance database %q, %v", name, err)
			}
		})
	}
}
