package torture

import (
	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
)

// slotLost makes the server that clients write to give up the other one's replication slots: WAL that is needed is gone for good.
func slotLost() *kind {
	return &kind{name: "a replication slot lost", hopeless: true, strike: func(r *round, _ strike) func() {
		r.t.Helper()
		database := r.site.Databases[0]
		publisher, follower := r.agent(r.serving(), database), r.agent(r.follower(), database)
		if publisher == nil || follower == nil {
			r.t.Fatal("no sessions")
		}
		defer postgres.Close(publisher)
		defer postgres.Close(follower)
		// Nobody takes anything from the slot for a while.
		var subscription string
		err := follower.QueryRow(r.t.Context(), `SELECT subname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE datname = $1`, database).
			Scan(&subscription)
		if err != nil {
			r.t.Fatal(err)
		}
		r.exec(follower, "ALTER SUBSCRIPTION "+postgres.Ident(subscription)+" DISABLE")
		r.exec(publisher, "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
		r.exec(publisher, "SELECT pg_reload_conf()")
		for range 5 {
			r.exec(publisher, "SELECT pg_logical_emit_message(false, 'torture', repeat('x', 1000000))")
			r.exec(publisher, "SELECT pg_switch_wal()")
		}
		r.eventually("a slot is lost", func() bool {
			r.exec(publisher, "CHECKPOINT")
			var lost bool
			err := publisher.QueryRow(r.t.Context(), `SELECT count(*) > 0 FROM pg_replication_slots WHERE wal_status = 'lost'`,
				pgx.QueryExecModeSimpleProtocol).Scan(&lost)
			return err == nil && lost
		})
		r.exec(publisher, "ALTER SYSTEM RESET max_slot_wal_keep_size")
		r.exec(publisher, "SELECT pg_reload_conf()")
		r.exec(follower, "ALTER SUBSCRIPTION "+postgres.Ident(subscription)+" ENABLE")
		return nil
	}}
}
