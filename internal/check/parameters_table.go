package check

import (
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const (
	walLevelWhy = `Logical replication reads row changes from the WAL, which holds them only with wal_level = logical
(in a cloud with parameter groups: rds.logical_replication = 1). Changing it takes a restart. From PostgreSQL 19 on replica is enough: the
server turns logical decoding on when the first logical slot is made (effective_wal_level).`

	replicationSlotsWhy = `pgteal needs one logical replication slot a database. Their number is limited by
max_replication_slots, which takes a restart to change.`

	walSendersWhy = `Each database is sent to green by one WAL sender, and a base backup takes one more. Their number is limited
by max_wal_senders, which takes a restart to change.`

	slotRetentionWhy = `From the slot's creation until green has caught up, blue keeps all WAL for it. Where
max_slot_wal_keep_size (13 and later) or idle_replication_slot_timeout (18 and later) is limited, blue gives the slot up at that
limit, and prepare has to begin again.`

	applyWorkersWhy = `Once green serves, blue follows it with one subscription a database, so that rollback loses nothing. Each is
applied by one worker out of max_logical_replication_workers, which takes a restart to change: without one, its database does not follow, and
nothing leads back.`

	workerProcessesWhy = `The workers with which blue follows green are background processes, as are their launcher, the workers of extensions
and parallel queries. All of them share max_worker_processes, which takes a restart to change.`

	replicationOriginsWhy = `How far a subscription has come is kept in a replication origin. A server has room for max_replication_slots of them,
apart from its slots, and from 18 on for max_active_replication_origins (src/backend/replication/logical/origin.c). Both take a restart to
change. Without room blue cannot begin to follow green after the switchover, and nothing leads back.`

	replicationTimeoutsWhy = `A side that does not answer for wal_sender_timeout or wal_receiver_timeout is taken for gone. An apply worker does
not answer while it waits for a lock or applies a large transaction at once; ended in the middle, it begins that transaction anew.`

	connectionsWhy = `The switchover opens all of its sessions before the pause, so that nothing in it waits for one: one a database on
either side and some more. Where max_connections has no room for them it cannot begin.`
)

// shortestTimeout is the least that leaves the apply worker time, in milliseconds: the comparison may hold it for some 10 s before the server
// takes its session for lost (internal/verify).
const shortestTimeout = 10_000

// parameterRows are every parameter that replication between blue and green stands on, for blue as the publisher and, on the way back, as the
// subscriber: https://www.postgresql.org/docs/current/logical-replication-config.html.
var parameterRows = []parameterRow{
	{
		name: "wal_level", check: "wal-level", restart: true, blocks: finding.Upgrade, to: "logical",
		why:    "the WAL has to hold row changes",
		enough: func(s *Session, value string) bool { return value == "logical" || value == "replica" && s.Major >= 19 },
		wrong:  "It is %s, and so the WAL does not hold what logical replication needs.",
	},
	{
		name: cloudSetting, check: "wal-level", restart: true, blocks: finding.Upgrade, to: "1",
		why:    "it sets wal_level to logical",
		enough: func(_ *Session, value string) bool { return value == "1" || value == "on" },
		wrong:  "It is %s, and so the WAL does not hold what logical replication needs.",
	},
	{
		name: "max_replication_slots", check: "replication-slots", restart: true, blocks: finding.Upgrade,
		why: "one slot a database", needed: func(databases int64) int64 { return databases },
		used: `SELECT count(*) FROM pg_replication_slots WHERE NOT starts_with(slot_name::text, $1)`,
	},
	{
		name: "max_wal_senders", check: "wal-senders", restart: true, standbys: true, blocks: finding.Upgrade,
		why: "one a database, and one for a base backup", needed: func(databases int64) int64 { return databases + 1 },
		// A sender that works for one of pgteal's slots is one of those that are needed anyway.
		used: `SELECT count(*) FROM pg_stat_replication r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid
			WHERE NOT starts_with(coalesce(s.slot_name::text, r.application_name, ''), $1)`,
	},
	{
		name: "max_slot_wal_keep_size", check: "slot-retention", blocks: finding.Nothing, to: "-1",
		why:    "slots keep WAL until green has caught up",
		enough: func(_ *Session, value string) bool { return value == "-1" },
		wrong: "A slot survives %s %s of WAL. If blue writes more than that between the clone and the end of catch-up, " +
			"prepare has to begin again.",
	},
	{
		name: "idle_replication_slot_timeout", check: "slot-retention", blocks: finding.Nothing, to: "0",
		why:    "nobody reads the slots while the clone is made and upgraded",
		enough: func(_ *Session, value string) bool { return value == "0" },
		wrong:  "A slot that nobody reads is given up after %s %s. Nobody reads pgteal's slots while the clone is made and upgraded.",
	},
	{
		// From 12 on a session can have its own, and so has pgteal's role (postgres.SettleRole).
		name: "wal_sender_timeout", check: "replication-timeouts", blocks: finding.Nothing, to: "60000", needs: "0 or >= 10000",
		why:    "green's apply worker may be busy; from 12 on pgteal's role has its own, whatever this is",
		enough: func(s *Session, value string) bool { return s.Major >= 12 || patient(value) },
		wrong: "Green's apply worker does not answer while it waits for a lock, or applies a large transaction at once. After %s %s blue ends " +
			"the connection, and green begins that transaction anew.",
	},
	{
		// Before 14 a slot collects a transaction whole before it sends it; it then has the same limit as green's.
		name: "logical_decoding_work_mem", why: "decoding holds so much of the running transactions in memory",
		enough: func(*Session, string) bool { return true },
	},
	{
		name: "max_connections", check: "connections", restart: true, standbys: true, blocks: finding.Switchover, busy: finding.Nothing,
		why: "one session a database, and some for the switchover", needed: sessionsNeeded,
		// Before 12 WAL senders are among them. Sessions in a database that a role may not look at are most likely clients.
		used: `SELECT count(*) FROM pg_stat_activity a WHERE application_name <> 'pgteal' AND NOT starts_with(application_name, $1)
			AND (backend_type = 'client backend' OR backend_type IS NULL AND datid IS NOT NULL OR backend_type = 'walsender' AND $2 < 12)`,
	},
	{
		name: "max_logical_replication_workers", check: "logical-replication-workers", restart: true, wayBack: true, blocks: finding.Switchover,
		why: "one apply worker a database", needed: func(databases int64) int64 { return databases },
		used: postgres.ApplyWorkersUsed,
	},
	{
		name: "max_worker_processes", check: "worker-processes", restart: true, standbys: true, wayBack: true, blocks: finding.Switchover,
		why: "one apply worker a database, and their launcher", needed: func(databases int64) int64 { return databases + 1 },
		used: postgres.WorkerProcessesUsed,
	},
	{
		name: "max_active_replication_origins", check: "replication-origins", restart: true, wayBack: true, blocks: finding.Switchover,
		why: "one origin a database", needed: func(databases int64) int64 { return databases }, used: originsUsed,
	},
	{
		name: "max_replication_slots", check: "replication-origins", before: 18, restart: true, wayBack: true, blocks: finding.Switchover,
		why: "one origin a database, of which it allows as many as slots", needed: func(databases int64) int64 { return databases }, used: originsUsed,
	},
	{
		name: "max_sync_workers_per_subscription", wayBack: true, needs: "0", why: "pgteal's subscriptions copy no tables",
		enough: func(*Session, string) bool { return true },
	},
	{
		name: "wal_receiver_timeout", check: "replication-timeouts", wayBack: true, blocks: finding.Nothing, to: "60000", needs: "0 or >= 10000",
		why:    "green may be busy",
		enough: func(_ *Session, value string) bool { return patient(value) },
		wrong: "Once green serves, blue follows it. An apply worker of blue that hears nothing for %s %s, because green is busy, ends and " +
			"begins anew what it was at.",
	},
}

// sessionsNeeded is what the switchover opens on blue at least: one for the lock, two in the maintenance database, one in each database, and one
// more in up to 8 at a time while the lag is measured (internal/switchover).
func sessionsNeeded(databases int64) int64 { return 3 + databases + min(databases, 8) }

// originsUsed stands for postgres.OriginsUsed, which depends on what the role may see.
const originsUsed = "origins"

func patient(milliseconds string) bool {
	return milliseconds == "0" || atoi(milliseconds) >= shortestTimeout
}
