package postgres

import "strconv"

// GoneSetting is a setting that later majors do not have, or know by another name.
type GoneSetting struct {
	Since int    // the first major without it
	Why   string // what the operator should know about that
	Now   string // its name since then; empty: nothing took its place
	Alias bool   // the old name is understood all the same (map_old_guc_names in src/backend/utils/misc/guc.c)

	// Value turns a value of a running server, in the unit of pg_settings, into one for the new name; nil: it is the same.
	Value func(old string, walSegmentMB int) string
}

// GoneSettings are the settings of 11 and later that a later major dropped or renamed, each from the section "Migration to Version N"
// of that major's release notes (https://www.postgresql.org/docs/release/).
var GoneSettings = map[string]GoneSetting{
	"default_with_oids": {Since: 12, Why: "removed in 12"},
	"wal_keep_segments": {Since: 13, Why: "since 13 it is called wal_keep_size", Now: "wal_keep_size", Value: func(old string, walSegmentMB int) string {
		n, _ := strconv.Atoi(old) // the running server has accepted it
		return strconv.Itoa(n*walSegmentMB) + "MB"
	}},
	"operator_precedence_warning":       {Since: 14, Why: "removed in 14"},
	"vacuum_cleanup_index_scale_factor": {Since: 14, Why: "removed in 14"},
	"stats_temp_directory":              {Since: 15, Why: "since 15 statistics are kept in shared memory"},
	"force_parallel_mode":               {Since: 16, Why: "since 16 it is called debug_parallel_query", Now: "debug_parallel_query"},
	"promote_trigger_file":              {Since: 16, Why: "removed in 16; use pg_ctl promote or pg_promote()"},
	"vacuum_defer_cleanup_age":          {Since: 16, Why: "removed in 16; hot_standby_feedback and replication slots do it better"},
	"db_user_namespace":                 {Since: 17, Why: "removed in 17"},
	"old_snapshot_threshold":            {Since: 17, Why: "removed in 17"},
	"trace_recovery_messages":           {Since: 17, Why: "removed in 17"},
	"ssl_ecdh_curve":                    {Since: 18, Why: "since 18 it is called ssl_groups", Now: "ssl_groups", Alias: true},
	"extension_destdir":                 {Since: 18, Why: "it was Debian's own; since 18 there is extension_control_path"},
	"escape_string_warning":             {Since: 19, Why: "removed in 19"},
	"io_workers":                        {Since: 19, Why: "since 19 their number varies between io_min_workers and io_max_workers"},
}

// InitdbSettings are the settings that initdb writes from what it finds on the host, where an older cluster may have the server's
// defaults or another host's. So the new cluster is given what the old one runs with, set or not.
var InitdbSettings = map[string]bool{
	"DateStyle": true, "TimeZone": true, "log_timezone": true, "lc_messages": true, "lc_monetary": true,
	"lc_numeric": true, "lc_time": true,
	"default_text_search_config": true, "max_connections": true, "shared_buffers": true, "max_wal_size": true, "min_wal_size": true,
}
