package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// clientSessions are the sessions that could write for a client: all but pgteal's own, physical replication, autovacuum and the
// server's own processes. Workers of extensions such as pg_cron count: their jobs write. So do the walsenders of logical replication, which
// have a database: they take any statement (https://www.postgresql.org/docs/current/protocol-replication.html). In a cloud the superusers are
// the cloud's own, and nobody may end their sessions.
const clientSessions = ` FROM pg_stat_activity a WHERE pid <> pg_backend_pid() AND usename IS DISTINCT FROM '` + Role + `' AND datid IS NOT NULL
	AND backend_type NOT IN ('autovacuum worker', 'parallel worker')
	AND backend_type NOT LIKE 'logical replication %'
	AND NOT (current_setting('is_superuser') = 'off' AND EXISTS (SELECT FROM pg_roles r WHERE r.rolname = a.usename AND r.rolsuper))`

// Session is a client's session.
type Session struct {
	PID         int
	User        string
	Application string
	Database    string
	State       string
	Query       string
	Age         time.Duration // of its transaction; 0 where none is open
	Began       time.Time     // its transaction
	Idle        time.Duration // in its transaction, since its last statement ended; 0 where one runs
}

func (s Session) String() string {
	return fmt.Sprintf("process %d of user %q in database %q (%s for %s)", s.PID, s.User, s.Database, s.State, s.Age.Round(time.Millisecond))
}

// OpenTransactions lists client sessions with a transaction open for longer than age, the oldest first.
func OpenTransactions(ctx context.Context, conn *pgx.Conn, age time.Duration) ([]Session, error) {
	sessions, err := list(ctx, conn, clientSessions+olderThan, age)
	if err != nil {
		return nil, fmt.Errorf("list open transactions: %w", err)
	}
	return sessions, nil
}

// ForeignTransactions is OpenTransactions for a server that is closed to clients: it also lists sessions of Role that are not pgteal's own.
func ForeignTransactions(ctx context.Context, conn *pgx.Conn, age time.Duration) ([]Session, error) {
	sessions, err := list(ctx, conn, ` FROM pg_stat_activity a WHERE datid IS NOT NULL AND backend_type = 'client backend'
		AND application_name <> 'pgteal'`+olderThan, age)
	if err != nil {
		return nil, fmt.Errorf("list open transactions: %w", err)
	}
	return sessions, nil
}

// Clients lists the sessions of clients, whether or not they have a transaction open. Workers of extensions are none.
func Clients(ctx context.Context, conn *pgx.Conn) ([]Session, error) {
	sessions, err := list(ctx, conn, clientSessions+` AND backend_type IN ('client backend', 'walsender') ORDER BY backend_start`)
	if err != nil {
		return nil, fmt.Errorf("list client sessions: %w", err)
	}
	return sessions, nil
}

// Blockers lists the sessions that hold locks for which the apply workers of a subscription wait. A PID of 0 is a prepared transaction.
func Blockers(ctx context.Context, conn *pgx.Conn, subscription string) ([]Session, error) {
	sessions, err := list(ctx, conn, ` FROM pg_stat_subscription w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS blocker
		LEFT JOIN pg_stat_activity a ON a.pid = blocker WHERE w.subname = $1 AND coalesce(backend_type, '') NOT LIKE 'logical replication %'
		ORDER BY xact_start`, subscription)
	if err != nil {
		return nil, fmt.Errorf("list what subscription %q waits for: %w", subscription, err)
	}
	return sessions, nil
}

const olderThan = ` AND xact_start IS NOT NULL AND clock_timestamp() - xact_start > $1 ORDER BY xact_start`

func list(ctx context.Context, conn *pgx.Conn, from string, args ...any) ([]Session, error) {
	rows, _ := conn.Query(ctx, `SELECT coalesce(a.pid, 0), coalesce(a.usename, ''), coalesce(a.application_name, ''), coalesce(a.datname, ''),
		coalesce(a.state, ''), left(coalesce(a.query, ''), 100), coalesce(clock_timestamp() - a.xact_start, '0'),
		coalesce(a.xact_start, clock_timestamp()), CASE WHEN a.state LIKE 'idle in transaction%' THEN clock_timestamp() - a.state_change ELSE '0' END`+
		from, args...)
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Session])
}

// EndSessions ends the client sessions that have no transaction open, or with transactions set all of them. It returns how many were left
// before it did: 0 means that no client is connected.
func EndSessions(ctx context.Context, conn *pgx.Conn, transactions bool) (left int, err error) {
	err = conn.QueryRow(ctx, `SELECT count(CASE WHEN xact_start IS NULL OR $1 THEN pg_terminate_backend(pid) ELSE false END)`+clientSessions,
		pgx.QueryExecModeSimpleProtocol, transactions).
		Scan(&left)
	if err != nil {
		return 0, fmt.Errorf("end client sessions: %w", err)
	}
	return left, nil
}

// PreparedTransactions lists the global identifiers of transactions prepared for two-phase commit, in all databases.
func PreparedTransactions(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, _ := conn.Query(ctx, `SELECT gid FROM pg_prepared_xacts ORDER BY prepared`)
	gids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list prepared transactions: %w", err)
	}
	return gids, nil
}
