package torture

import (
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
)

// Conditions on pg_stat_activity.
const (
	pgtealsOwn   = `usename = 'pgteal' AND backend_type = 'client backend' AND application_name <> '` + agentName + `'`
	walsenders   = `backend_type = 'walsender'`
	applyWorkers = `backend_type LIKE 'logical replication%worker'` // before 16, and since: logical replication apply worker
)

// sessionFaults happen to sessions, replication's included, and to what they wait for.
func sessionFaults() []*kind {
	all := []*kind{
		{name: "replication's connections ended", often: 2, moments: anywhere, strike: func(r *round, _ strike) func() {
			for _, cluster := range clusters {
				r.terminate(cluster, walsenders+" OR "+applyWorkers)
			}
			return nil
		}},
		{name: "walsenders frozen", often: 2, moments: anywhere, longest: maxPause, strike: freeze(walsenders)},
		{name: "apply workers frozen", often: 2, moments: anywhere, longest: maxPause, strike: freeze(applyWorkers)},
	}
	for _, cluster := range clusters {
		all = append(all, &kind{
			name: "pgteal's sessions on " + cluster + " ended", often: 2, moments: anywhere,
			strike: func(r *round, _ strike) func() { r.terminate(cluster, pgtealsOwn); return nil },
		})
	}
	return append(all, lockFaults()...)
}

// lockFaults keep pgteal waiting.
func lockFaults() []*kind {
	return []*kind{
		{name: "a table locked where clients write", often: 1, moments: before, longest: maxPause, strike: func(r *round, _ strike) func() {
			return r.hold(r.client(), "BEGIN", "LOCK TABLE audit.ledger IN ACCESS EXCLUSIVE MODE")
		}},
		{name: "a transaction idle", often: 1, moments: before, longest: 2 * maxPause, strike: func(r *round, _ strike) func() {
			return r.hold(r.client(), "BEGIN", "INSERT INTO audit.probe VALUES ('never', 1)")
		}},
		{name: "tables locked against apply", often: 2, moments: anywhere, longest: maxPause, strike: func(r *round, _ strike) func() {
			return r.hold(r.agent(r.follower(), r.site.Databases[0]), "BEGIN", "LOCK TABLE audit.ledger, audit.probe, pgteal.marker IN ACCESS EXCLUSIVE MODE")
		}},
		{name: "the advisory lock on blue taken", often: 1, moments: before, longest: maxPause, strike: func(r *round, _ strike) func() {
			return r.hold(r.agent("blue", "postgres"), "SELECT pg_advisory_lock(x'70677465616c'::bigint)")
		}},
	}
}

var (
	clusters = []string{"blue", "green"}
	before   = []moment{begun}
)

// terminate ends backends.
func (r *round) terminate(cluster, condition string) {
	r.say(cluster, "postgres", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE `+condition)
}

// freeze stops processes on both clusters for a while: to the other side, that is a network that keeps everything back.
func freeze(condition string) func(*round, strike) func() {
	return func(r *round, _ strike) func() {
		var pids []int
		for _, cluster := range clusters {
			pids = append(pids, r.backends(cluster, condition)...)
		}
		r.signal(syscall.SIGSTOP, pids...)
		return func() { r.signal(syscall.SIGCONT, pids...) }
	}
}

// hold runs statements in a session, and keeps what they have locked until the returned function ends the session.
func (r *round) hold(conn *pgx.Conn, statements ...string) (end func()) {
	if conn == nil {
		return nil
	}
	for _, statement := range statements {
		r.exec(conn, statement)
	}
	return func() { postgres.Close(conn) }
}

// client is a client's session on the cluster that serves. Nil where there is none to be had.
func (r *round) client() *pgx.Conn {
	conn, err := r.site.Client(r.t.Context(), r.port(r.serving()), r.site.Databases[0])
	if err != nil {
		r.logf("no client's session on %s: %v", r.serving(), err)
		return nil
	}
	return conn
}

// serving is the cluster where the last attempt that was committed led the writers.
func (r *round) serving() string {
	serving := "blue"
	for _, a := range r.attempts() {
		if a.Outcome == "committed" || a.Outcome == "switched" {
			serving = a.To
		}
	}
	return serving
}

func (r *round) follower() string {
	if r.serving() == "blue" {
		return "green"
	}
	return "blue"
}
