package postgres

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// markerPoll is how often a marker is looked for: well below the milliseconds that a round trip takes.
const markerPoll = 500 * time.Microsecond

// WriteMarker writes a random row to see it arrive on the other side, and returns its id.
func WriteMarker(ctx context.Context, conn *pgx.Conn) (string, error) {
	id := rand.Text()
	if _, err := conn.Exec(ctx, `INSERT INTO pgteal.marker VALUES ($1)`, id); err != nil {
		return "", fmt.Errorf("write a marker: %w", err)
	}
	return id, nil
}

// Flush returns when everything that was committed on the server is on its disk: a commit that waits for the disk takes along all before
// it. What was committed before the call has its commit record before lsn, and what is committed after it has it behind.
func Flush(ctx context.Context, conn *pgx.Conn) (lsn LSN, err error) {
	results, err := conn.PgConn().Exec(ctx, `SELECT pg_current_wal_insert_lsn();
		BEGIN; SET LOCAL synchronous_commit = local; INSERT INTO pgteal.marker VALUES (`+Literal(rand.Text())+`); COMMIT`).ReadAll()
	if err == nil {
		err = lsn.Scan(string(results[0].Rows[0][0]))
	}
	if err != nil {
		return 0, fmt.Errorf("flush what was committed: %w", err)
	}
	return lsn, nil
}

// HasMarker tells whether the marker is there.
func HasMarker(ctx context.Context, conn *pgx.Conn, id string) (there bool, err error) {
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pgteal.marker WHERE id = $1)`, id).Scan(&there)
	return there, err
}

// AwaitMarker returns when the marker is there: everything that committed before it is then there, too.
func AwaitMarker(ctx context.Context, conn *pgx.Conn, id string) error {
	tick := time.NewTicker(markerPoll)
	defer tick.Stop()
	for {
		there, err := HasMarker(ctx, conn, id)
		if err != nil {
			return fmt.Errorf("look for a marker: %w", err)
		}
		if there {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for a marker: %w", ctx.Err())
		case <-tick.C:
		}
	}
}
