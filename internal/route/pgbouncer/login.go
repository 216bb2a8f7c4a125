package pgbouncer

import (
	"context"
	"time"
)

// PAUSE cuts off a login to a server that is under way, and PgBouncer takes that for a failure: until a login succeeds it turns new
// clients away where it has no server, and it tries none for server_login_retry, 15 s by default (disconnect_server, check_fast_fail
// and launch_new_connection in src/objects.c; https://github.com/pgbouncer/pgbouncer/pull/420). So a pause begins when no login
// is under way, and ends with a short server_login_retry for one that was cut off all the same. What is left is a login that begins
// within the fraction of a millisecond before PAUSE, in a pool to which a client then turns before its next login is done.

// loginLimit bounds how long Hold waits for logins, and the end of a pause for servers.
const (
	loginLimit  = 200 * time.Millisecond
	servedLimit = 500 * time.Millisecond
)

// quickRetry is server_login_retry at the end of a pause, in seconds.
const quickRetry = "0.01"

// awaitLogins waits until no login is under way in the databases of f, for loginLimit at most. Nobody is held meanwhile.
func (b *PgBouncer) awaitLogins(ctx context.Context, f *include) error {
	return b.awaitPools(ctx, loginLimit, func(pool row) bool {
		return pool["sv_login"] != "0" && (f.has(fallback) || f.has(pool["database"]))
	})
}

// awaitPools waits until no pool is busy, for limit at most.
func (b *PgBouncer) awaitPools(ctx context.Context, limit time.Duration, busy func(row) bool) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		pools, err := b.sessions.query(ctx, "SHOW POOLS")
		if err != nil {
			return err
		}
		done := true
		for _, pool := range pools {
			done = done && !busy(pool)
		}
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return nil
		case <-tick.C:
		}
	}
}

// withQuickLogins runs resume with a short server_login_retry, and returns when every pool with clients has a server, after
// servedLimit at the latest.
func (b *PgBouncer) withQuickLogins(ctx context.Context, resume func() error) error {
	before, err := b.loginRetry(ctx)
	if err != nil {
		return resume() // letting clients go on comes first
	}
	if _, err := b.sessions.query(ctx, "SET server_login_retry = '"+quickRetry+"'"); err != nil {
		return resume()
	}
	failed := resume()
	if failed == nil {
		failed = b.awaitPools(ctx, servedLimit, func(pool row) bool {
			served := pool["sv_active"] != "0" || pool["sv_idle"] != "0" || pool["sv_used"] != "0" || pool["sv_tested"] != "0"
			return pool["cl_waiting"] != "0" && !served // one login that succeeds is enough
		})
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), letGoLimit)
	defer cancel()
	if _, err := b.sessions.query(ctx, "SET server_login_retry = '"+before+"'"); err != nil && failed == nil {
		failed = err
	}
	return failed
}

// loginRetry returns server_login_retry in seconds. Where a pgteal died in withQuickLogins it returns the default; the next RELOAD
// brings back what pgbouncer.ini says.
func (b *PgBouncer) loginRetry(ctx context.Context) (string, error) {
	rows, err := b.sessions.query(ctx, "SHOW CONFIG")
	if err != nil {
		return "", err
	}
	for _, r := range rows {
		if r["key"] == "server_login_retry" && r["value"] != quickRetry {
			return r["value"], nil
		}
	}
	return "15", nil
}
