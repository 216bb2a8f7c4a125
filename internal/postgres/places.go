package postgres

import "fmt"

// NamePrefix begins the names of pgteal's own slots, subscriptions, WAL senders and apply workers (SlotName).
const NamePrefix = "pgteal_"

// ServerProcesses are the values of pg_stat_activity.backend_type that the server itself has, but for those of logical replication, which begin so
// (src/backend/utils/init/miscinit.c and the background workers of src/backend).
const ServerProcesses = `('archiver', 'autovacuum launcher', 'autovacuum worker', 'background writer', 'checkpointer', 'client backend',
	'dead-end client backend', 'io worker', 'logger', 'not initialized', 'parallel worker', 'slotsync worker', 'standalone backend', 'startup',
	'syslogger', 'walreceiver', 'walsender', 'walsummarizer', 'walwriter')`

// Settings of a subscriber limit how many of each there can be. These are the queries for the number of places that others than pgteal have taken.
const (
	// ApplyWorkersUsed counts what max_logical_replication_workers limits.
	ApplyWorkersUsed = `SELECT count(pid) FROM pg_stat_subscription WHERE NOT starts_with(subname::text, '` + NamePrefix + `')`

	// WorkerProcessesUsed counts what max_worker_processes limits, but the launcher of the apply workers, which takes one more. Parallel workers come
	// and go and leave their places to whoever asks next.
	WorkerProcessesUsed = `SELECT count(*) FROM pg_stat_activity a WHERE backend_type NOT IN ` + ServerProcesses + `
		AND backend_type <> 'logical replication launcher'
		AND NOT EXISTS (SELECT FROM pg_stat_subscription s WHERE s.pid = a.pid AND starts_with(s.subname::text, '` + NamePrefix + `'))`
)

// OriginsSetting names what limits the replication origins of a major: until 17 there are as many as slots, in an array of their own
// (src/backend/replication/logical/origin.c).
func OriginsSetting(major int) string {
	if major < 18 {
		return "max_replication_slots"
	}
	return "max_active_replication_origins"
}

// OriginsUsed counts the origins that take room: those with a position. Only a superuser may see that; for others all count that there are. The
// view shows subscriptions to every role, the catalog only from 14 on.
func OriginsUsed(superuser bool) string {
	const sql = `SELECT count(*) FROM %s o WHERE NOT EXISTS (
		SELECT FROM pg_stat_subscription s WHERE starts_with(s.subname::text, '` + NamePrefix + `') AND o.%s = 'pg_' || s.subid)`
	if superuser {
		return fmt.Sprintf(sql, "pg_replication_origin_status", "external_id")
	}
	return fmt.Sprintf(sql, "pg_replication_origin", "roname")
}
