package clone

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
)

// backup is the session that holds blue in backup mode. The mode ends with the session, so also when this process dies: the
// server sees to that (https://www.postgresql.org/docs/current/continuous-archiving.html, "Making a Base Backup Using the Low
// Level API").
type backup struct {
	conn  *pgx.Conn
	major int
}

// ended is what a backup that came to its end says.
type ended struct {
	label    string       // the content of backup_label
	start    postgres.LSN // where recovery begins
	stop     postgres.LSN // until where it has to come
	timeline uint32
}

// lockTimeout bounds the wait for a CREATE TABLESPACE that is under way.
const lockTimeout = "30s"

// openBackup opens the session and keeps tablespaces as they are until it closes. A CREATE TABLESPACE in the WAL that the clone
// replays would make the clone work in blue's own directory. A SHARE lock stops it, and hinders no reader. The transaction
// holds neither a transaction id nor a snapshot, so vacuum goes on.
func openBackup(ctx context.Context, server *postgres.Server) (*backup, error) {
	database, err := server.MaintenanceDatabase(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := server.Connect(ctx, database)
	if err != nil {
		return nil, err
	}
	b := &backup{conn: conn}
	if err := b.prepare(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *backup) prepare(ctx context.Context) error {
	var version int
	if err := b.conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&version); err != nil {
		return fmt.Errorf("ask blue for its version: %w", err)
	}
	b.major = version / 10000
	statements := []string{`SET lock_timeout = '` + lockTimeout + `'`}
	if b.major >= 14 {
		statements = append(statements, `SET idle_session_timeout = 0`)
	}
	if b.major >= 17 {
		statements = append(statements, `SET transaction_timeout = 0`)
	}
	statements = append(statements, `BEGIN`, `LOCK TABLE pg_catalog.pg_tablespace IN SHARE MODE`)
	for _, statement := range statements {
		if _, err := b.conn.Exec(ctx, statement); err != nil {
			if postgres.SQLState(err) == "55P03" { // lock_not_available
				return fault.WithHint(fmt.Errorf("keep blue's tablespaces as they are during the clone: %w", err),
					"A statement on a tablespace has been running on blue for "+lockTimeout+": let it end, and run the same command again.")
			}
			return fmt.Errorf("prepare blue for a backup: %s: %w", statement, err)
		}
	}
	return nil
}

// start begins the backup. It waits for an immediate checkpoint.
func (b *backup) start(ctx context.Context) error {
	call := `SELECT pg_backup_start('pgteal', fast => true)`
	if b.major < 15 {
		call = `SELECT pg_start_backup('pgteal', true, false)`
	}
	if _, err := b.conn.Exec(ctx, call); err != nil {
		return fmt.Errorf("begin a backup on blue: %w", err)
	}
	return nil
}

// stop ends the backup. All WAL up to the end of the segment with the stop LSN is on blue's disk from then on and will not change,
// because ending a backup switches to the next segment.
//
// The tablespace map that the server returns as well is not used: recovery would follow it to blue's own directories.
func (b *backup) stop(ctx context.Context) (e ended, err error) {
	call := `SELECT lsn::text, labelfile FROM pg_backup_stop(wait_for_archive => false)`
	if b.major < 15 {
		call = `SELECT lsn::text, labelfile FROM pg_stop_backup(false, false)`
	}
	if err := b.conn.QueryRow(ctx, call).Scan(&e.stop, &e.label); err != nil {
		return e, fmt.Errorf("end the backup on blue: %w", err)
	}
	e.start, e.timeline, err = parseLabel(e.label)
	return e, err
}

// close ends the session, and with it the backup if that has not ended.
func (b *backup) close() { postgres.Close(b.conn) }

var (
	labelStart    = regexp.MustCompile(`(?m)^START WAL LOCATION: ([0-9A-F]+/[0-9A-F]+) \(file ([0-9A-F]{24})\)`)
	labelTimeline = regexp.MustCompile(`(?m)^START TIMELINE: (\d+)$`)
)

// parseLabel reads from a backup_label where recovery starts and on which timeline.
func parseLabel(label string) (start postgres.LSN, timeline uint32, err error) {
	where, which := labelStart.FindStringSubmatch(label), labelTimeline.FindStringSubmatch(label)
	if where == nil || which == nil {
		return 0, 0, fmt.Errorf("the backup label does not say where it starts: %q", strings.TrimSpace(label))
	}
	if start, err = postgres.ParseLSN(where[1]); err != nil {
		return 0, 0, err
	}
	n, err := strconv.ParseUint(which[1], 10, 32)
	return start, uint32(n), err
}
