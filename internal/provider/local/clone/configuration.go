package clone

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pgteal/pgteal/internal/pgctl"
)

const (
	logFile = "pgteal.log" // of the clone's server
	port    = 5432         // in a socket directory of its own it disturbs nobody
)

// own are the clone's settings, beside those in kept, which are blue's.
//
// The clone is reached through a private socket only, archives nothing, follows nobody, and has no background workers: with
// max_worker_processes = 0 a library of shared_preload_libraries, such as pg_cron, is loaded and can start none.
var own = map[string]string{
	"cluster_name":              "pgteal clone",
	"listen_addresses":          "",
	"unix_socket_directories":   "", // Start names it; whoever else starts the clone has to say where it may be reached
	"unix_socket_permissions":   "0700",
	"port":                      strconv.Itoa(port),
	"ssl":                       "off",
	"archive_mode":              "off",
	"synchronous_standby_names": "",
	"hot_standby":               "off", // a standby that takes connections needs room for all of blue's sessions, and refuses some
	"wal_level":                 "replica",
	"max_worker_processes":      "0",
	"max_wal_senders":           "0",
	"autovacuum":                "off",
	"logging_collector":         "off",
	"log_destination":           "stderr",
	"lc_messages":               "C",
	"max_wal_size":              "4GB", // recovery need not stop for checkpoints

	// Recovery goes on to the end of the WAL that is there. (Up to 11 these are not settings: see signal.)
	"restore_command":          "false",
	"recovery_target_timeline": "current",

	// Recovery refuses tablespaces inside pg_tblspc otherwise, although blue has them. (From 15 on.)
	"allow_in_place_tablespaces": "on",
	// Blue's triggers do not fire when pgteal logs in or cleans up. (From 17 on.)
	"event_triggers": "off",
	// One call in place of a sync of each file: the clone is on disk already. (From 14 on.)
	"recovery_init_sync_method": "syncfs",
}

// since says from which major on a setting exists, where the clone may be older.
var since = map[string]int{
	"restore_command": 12, "recovery_target_timeline": 12,
	"recovery_init_sync_method": 14, "allow_in_place_tablespaces": 15, "event_triggers": 17,
}

// aside are the files of blue's configuration in a data directory. The clone reads none of them.
var aside = []string{"postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf"}

// asideSuffix is behind the names of blue's files in the clone: what blue is configured with can be looked up there.
const asideSuffix = ".blue"

// setAside puts blue's configuration out of the way.
func setAside(dataDirectory string) error {
	for _, name := range aside {
		path := filepath.Join(dataDirectory, name)
		if err := os.Rename(path, path+asideSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// configure writes a configuration of the clone's own.
func configure(c pgctl.Cluster, m marker) error {
	settings := maps.Clone(m.Settings)
	if settings == nil {
		settings = map[string]string{}
	}
	for name, value := range own {
		if c.Major >= since[name] {
			settings[name] = value
		}
	}
	var text strings.Builder
	text.WriteString("# Written by pgteal for the clone. Blue's own is in " + aside[0] + asideSuffix + ".\n")
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s = %s\n", name, configValue(settings[name]))
	}
	target := Target{DataDirectory: c.DataDirectory, Account: c.Account}
	for name, content := range map[string]string{
		"postgresql.conf": text.String(),
		"pg_hba.conf":     "# The socket's directory lets nobody in but its owner and root.\nlocal all all trust\n",
		"pg_ident.conf":   "",
	} {
		if err := writeFile(c.DataDirectory, name, []byte(content), target); err != nil {
			return err
		}
	}
	return nil
}

// configValue quotes a value for postgresql.conf.
func configValue(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`, "\n", `\n`).Replace(value) + "'"
}
