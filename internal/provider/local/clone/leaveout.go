package clone

import (
	"path/filepath"
	"regexp"
	"strings"
)

// What a clone leaves out is what pg_basebackup leaves out
// (https://www.postgresql.org/docs/current/protocol-replication.html, BASE_BACKUP), and what would make it act as blue.

// emptied are the directories of which only the directory itself is cloned. WAL comes later, and only what the clone needs.
var emptied = map[string]bool{
	"pg_wal": true, "pg_replslot": true, "pg_dynshmem": true, "pg_notify": true, "pg_serial": true,
	"pg_snapshots": true, "pg_stat_tmp": true, "pg_subtrans": true,
}

// skipped are files of the data directory. A backup_label, a tablespace_map or a signal file there is left over from
// something else, and recovery would believe it.
var skipped = map[string]bool{
	"postmaster.pid": true, "postmaster.opts": true, "current_logfiles": true, "current_logfiles.tmp": true,
	"backup_label": true, "backup_label.old": true, "tablespace_map": true, "tablespace_map.old": true, "backup_manifest": true,
	"recovery.signal": true, "standby.signal": true, "recovery.conf": true, "recovery.done": true, "promote": true, "logrotate": true,
	"postgresql.auto.conf.tmp": true,
	markerFile:                 true, logFile: true, socketDirectory: true,
	controlFile: true, // cloned last
}

// controlFile is replaced in place by blue, so it is read with care.
const controlFile = "global/pg_control"

var (
	temporaryRelation = regexp.MustCompile(`^t\d+_\d+(_\w+)?(\.\d+)?$`)
	relation          = regexp.MustCompile(`^(\d+)(_fsm|_vm)?(\.\d+)?$`)
	initFork          = regexp.MustCompile(`^(\d+)_init(\.\d+)?$`)
)

// left tells whether the entry name of a directory is left out. path is where it is, relative to the data directory.
func (w *walk) left(path, name string, unlogged map[string]bool) bool {
	switch {
	case strings.HasPrefix(name, "pgsql_tmp"), strings.HasPrefix(name, "pg_internal.init"), name == "lost+found", name == ".DS_Store":
		return true
	case skipped[path]:
		return true
	case temporaryRelation.MatchString(name) && inDatabase(path):
		return true
	}
	if m := relation.FindStringSubmatch(name); m != nil {
		return unlogged[m[1]] // recovery makes it anew from its init fork
	}
	return false
}

// unloggedIn returns the file numbers of the unlogged relations among the names in a directory.
func unloggedIn(names []string) map[string]bool {
	unlogged := map[string]bool{}
	for _, name := range names {
		if m := initFork.FindStringSubmatch(name); m != nil {
			unlogged[m[1]] = true
		}
	}
	return unlogged
}

// inDatabase tells whether a path relative to the data directory is one of the files of a database.
func inDatabase(path string) bool {
	top, _, _ := strings.Cut(filepath.ToSlash(path), "/")
	return top == "base" || top == "pg_tblspc"
}

// within tells whether path is directory or below it.
func within(path, directory string) bool {
	rel, err := filepath.Rel(directory, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
