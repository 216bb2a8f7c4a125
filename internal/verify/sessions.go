package verify

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgteal/pgteal/internal/postgres"
)

// readerSettings fix everything that the text of a value depends on, so that both servers write it alike
// (https://www.postgresql.org/docs/current/runtime-config-client.html). Joins are hash joins: the few there are bring many rows
// together with a list of unknown length. The keepalives end a session within half a minute when this host vanishes from the
// network, and with it the lock at which an apply worker may be waiting.
const readerSettings = `
SET search_path = pg_catalog; SET row_security = off; SET quote_all_identifiers = off;
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
SET bytea_output = 'hex'; SET xmloption = 'content'; SET lc_monetary = 'C'; SET standard_conforming_strings = on;
SET jit = off; SET enable_nestloop = off; SET enable_mergejoin = off;
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4;
SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('idle_session_timeout', 'transaction_timeout');`

// sessions are one worker's sessions in a database of both servers.
type sessions struct {
	run       *run
	database  postgres.Database
	holder    *pgx.Conn    // on From: holds the locks and commits the barrier row
	readers   [2]*pgx.Conn // on From and on To: read in their snapshots; To's also holds the advisory lock
	fromMajor int
	toMajor   int
}

// side names the server of a reader.
func (s *sessions) side(i int) string { return [2]string{s.run.From.Name, s.run.To.Name}[i] }

func (r *run) open(ctx context.Context, database postgres.Database) (*sessions, error) {
	s := &sessions{run: r, database: database}
	for i, server := range []*postgres.Server{r.From, r.To} {
		conn, err := server.Connect(ctx, database.Name)
		if err != nil {
			s.close()
			return nil, err
		}
		s.readers[i] = conn
	}
	s.fromMajor, s.toMajor = major(s.readers[0]), major(s.readers[1])
	settings := readerSettings +
		fmt.Sprintf("SET extra_float_digits = %d; SET lock_timeout = %d;", floatDigits(s.fromMajor, s.toMajor), r.Patience.Milliseconds())
	for i, conn := range s.readers {
		if err := exec(ctx, conn, settings); err != nil {
			s.close()
			return nil, fmt.Errorf("database %q: fix the settings of a session on %s: %w", database.Name, s.side(i), err)
		}
	}
	return s, nil
}

// floatDigits makes floating-point numbers exact. 11 cannot write the shortest exact text, as later majors do; next to it they are
// compared to 15 digits, which the report says.
func floatDigits(majors ...int) int {
	for _, m := range majors {
		if m < 12 {
			return 0
		}
	}
	return 1
}

// major returns the major version that the server told when the session began, such as 18 for "18.6 (Debian 18.6-1)".
func major(conn *pgx.Conn) int {
	version := conn.PgConn().ParameterStatus("server_version")
	end := strings.IndexFunc(version, func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		end = len(version)
	}
	n, _ := strconv.Atoi(version[:end]) // 0 where a server tells nothing of use: the oldest
	return n
}

// ready opens the holder's session where there is none, or the server ended the last one. Two thirds of MaxBlock are for getting
// the locks, the rest for all else; the server enforces both. Where a client has one of these locks and waits for another one, the holder gives up
// before the server looks for a deadlock, which it does after deadlock_timeout: the client's transaction would be what it ends.
func (s *sessions) ready(ctx context.Context) error {
	if s.holder != nil && !s.holder.IsClosed() {
		return nil
	}
	conn, err := s.run.From.Connect(ctx, s.database.Name)
	if err != nil {
		return err
	}
	s.holder = conn
	rest := max(1, s.run.MaxBlock.Milliseconds()/3)
	err = exec(ctx, conn, fmt.Sprintf(`SET synchronous_commit = off; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5;
		SELECT set_config('statement_timeout', greatest(1, least(%d, setting::bigint / 2))::text, false) FROM pg_settings WHERE name = 'deadlock_timeout';
		SET idle_in_transaction_session_timeout = %d;`, max(1, s.run.MaxBlock.Milliseconds()-rest), rest))
	if err != nil {
		return fmt.Errorf("database %q: fix the settings of a session on %s: %w", s.database.Name, s.run.From.Name, err)
	}
	return nil
}

// endSnapshots ends the readers' transactions and lets To's reader be idle again. Where it fails the session is of no more use,
// which the next statement in it will tell.
func (s *sessions) endSnapshots() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, conn := range s.readers {
		if !conn.IsClosed() {
			_ = exec(ctx, conn, "ROLLBACK; "+idleSession(0))
		}
	}
}

// idleSession makes the server end a session that stays idle, where it can (14 and later).
func idleSession(limit time.Duration) string {
	return fmt.Sprintf("SELECT set_config(name, '%d', false) FROM pg_settings WHERE name = 'idle_session_timeout';", limit.Milliseconds())
}

// lost tells whether a reader's session is over, so that it takes new ones to go on.
func (s *sessions) lost() bool { return s.readers[0].IsClosed() || s.readers[1].IsClosed() }

func (s *sessions) close() {
	if s == nil {
		return
	}
	for _, conn := range []*pgx.Conn{s.holder, s.readers[0], s.readers[1]} {
		if conn != nil {
			postgres.Close(conn)
		}
	}
}

// exec runs statements in one message, without any snapshot but those that they take.
func exec(ctx context.Context, conn *pgx.Conn, sql string) error {
	_, err := script(ctx, conn, sql)
	return err
}

// script runs statements in one message and returns what they return, as text.
func script(ctx context.Context, conn *pgx.Conn, sql string) ([]*pgconn.Result, error) {
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	return results, nil
}
