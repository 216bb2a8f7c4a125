package pgbouncer_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgteal/pgteal/internal/route/pgbouncer/process"
)

func dir(p *process.Process) string { return filepath.Dir(p.ConfigFile) }

func connectConsole(t *testing.T, p *process.Process) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), p.Console())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return conn
}

// paused counts the databases that are paused.
func paused(t *testing.T, conn *pgconn.PgConn) int {
	t.Helper()
	return sum(t, conn, "SHOW DATABASES", "paused")
}

// waiting counts the clients that wait for a server.
func waiting(t *testing.T, conn *pgconn.PgConn) int {
	t.Helper()
	return sum(t, conn, "SHOW POOLS", "cl_waiting")
}

// sum adds a column up.
func sum(t *testing.T, conn *pgconn.PgConn, command, column string) (total int) {
	t.Helper()
	results, err := conn.Exec(t.Context(), command).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results[0].Rows {
		for i, field := range results[0].FieldDescriptions {
			if field.Name == column {
				n, err := strconv.Atoi(string(r[i]))
				if err != nil {
					t.Fatal(err)
				}
				total += n
			}
		}
	}
	return total
}
