package clone

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
)

// facts are what the making of a clone needs to know of blue, and only blue's server can say.
type facts struct {
	major          int
	catalogVersion int
	segmentSize    uint64 // of WAL, bytes
	system         string // the system identifier
	superuser      string // one that can log in, the bootstrap superuser if it can
	logDirectory   string // as configured: relative to the data directory, or absolute
	settings       map[string]string
	tablespaces    []tablespace // without those inside pg_tblspc itself
}

type tablespace struct {
	OID      uint32 `json:"oid"`
	Name     string `json:"name"`
	Location string `json:"location"` // on blue
}

// versionDirectory is the directory of blue's major in each tablespace's location; other majors have their own next to it.
func (f facts) versionDirectory() string { return fmt.Sprintf("PG_%d_%d", f.major, f.catalogVersion) }

// kept are the settings of blue without which the clone could not recover or its libraries would not load. All others have
// their defaults on the clone or are set in configuration.go. max_replication_slots also bounds the replication origins that
// a server can start with, until 18 split it off.
var kept = []string{
	"shared_preload_libraries", "dynamic_library_path", "extension_control_path",
	"max_connections", "max_prepared_transactions", "max_locks_per_transaction",
	"max_replication_slots", "max_active_replication_origins", "track_commit_timestamp",
}

func ask(ctx context.Context, conn *pgx.Conn) (f facts, err error) {
	var recovering bool
	var version int
	err = conn.QueryRow(ctx, `SELECT pg_is_in_recovery(), current_setting('server_version_num')::int,
			(SELECT catalog_version_no FROM pg_control_system()), (SELECT system_identifier::text FROM pg_control_system()),
			(SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size'), current_setting('log_directory')`).
		Scan(&recovering, &version, &f.catalogVersion, &f.system, &f.segmentSize, &f.logDirectory)
	if err != nil {
		return f, fmt.Errorf("ask blue for its version: %w", err)
	}
	f.major = version / 10000
	if recovering {
		return f, fault.New(fault.Usage, fmt.Errorf("blue is a standby"), "Name the primary: its standbys are made anew after the upgrade.")
	}
	err = conn.QueryRow(ctx, `SELECT rolname FROM pg_roles WHERE rolsuper AND rolcanlogin ORDER BY oid LIMIT 1`).Scan(&f.superuser)
	if err != nil {
		return f, fmt.Errorf("find a superuser of blue that can log in: %w", err)
	}
	if f.settings, err = askSettings(ctx, conn); err != nil {
		return f, err
	}
	rows, _ := conn.Query(ctx, `SELECT oid, spcname, pg_tablespace_location(oid) FROM pg_tablespace ORDER BY oid`)
	tablespaces, err := pgx.CollectRows(rows, pgx.RowToStructByPos[tablespace])
	if err != nil {
		return f, fmt.Errorf("list blue's tablespaces: %w", err)
	}
	for _, t := range tablespaces {
		if strings.HasPrefix(t.Location, "/") { // '' for the two that every cluster has, relative for one in place
			f.tablespaces = append(f.tablespaces, t)
		}
	}
	return f, nil
}

// askSettings reads the settings to keep. Those of extensions are among them: a library may refuse to load without its own.
func askSettings(ctx context.Context, conn *pgx.Conn) (map[string]string, error) {
	rows, _ := conn.Query(ctx, `SELECT name, current_setting(name) FROM pg_settings
		WHERE name = ANY ($1)
		OR (name LIKE '%.%' AND source NOT IN ('default', 'session', 'client', 'user', 'database', 'database user'))`, kept)
	settings := map[string]string{}
	var name, value string
	_, err := pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		settings[name] = value
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read blue's settings: %w", err)
	}
	return settings, nil
}

// checkSame makes sure that the server that answers is the one whose files are on this host, and not its primary elsewhere, its
// standby here, or a copy of it.
func (r *run) checkSame(ctx context.Context, conn *pgx.Conn) error {
	var why string
	for range 5 { // a checkpoint may come between the two looks
		var checkpoint postgres.LSN
		if err := conn.QueryRow(ctx, `SELECT checkpoint_lsn::text FROM pg_control_checkpoint()`).Scan(&checkpoint); err != nil {
			return fmt.Errorf("ask blue for its last checkpoint: %w", err)
		}
		control, err := r.source.Cluster.ControlData(ctx)
		if err != nil {
			return err
		}
		onDisk, err := postgres.ParseLSN(control["Latest checkpoint location"])
		if err != nil {
			return fmt.Errorf("read the control file of %s: %w", r.source.Cluster.DataDirectory, err)
		}
		switch state := control["Database cluster state"]; {
		case control["Database system identifier"] != r.blue.system:
			why = "their system identifiers differ"
		case state != "in production":
			why = "it is " + state
		case onDisk != checkpoint:
			why = "their last checkpoints differ"
		default:
			return nil
		}
	}
	return fault.New(fault.Usage, fmt.Errorf("blue's server does not run on %s: %s", r.source.Cluster.DataDirectory, why),
		"Make blue.data_directory and blue.connection lead to the same cluster, or use the clone method basebackup.")
}
