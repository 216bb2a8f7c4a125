package green

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// leftOut are blue's settings that green must not have, with the reason that the operator reads.
var leftOut = map[string]string{
	"data_directory": ownReason, "hba_file": ownReason, "ident_file": ownReason, "config_file": ownReason,
	"external_pid_file": ownReason, "port": ownReason,

	"restore_command": standbyReason, "archive_cleanup_command": standbyReason, "recovery_end_command": standbyReason,
	"primary_conninfo": standbyReason, "primary_slot_name": standbyReason, "recovery_min_apply_delay": standbyReason,
	"recovery_target": standbyReason, "recovery_target_action": standbyReason, "recovery_target_inclusive": standbyReason,
	"recovery_target_lsn": standbyReason, "recovery_target_name": standbyReason, "recovery_target_time": standbyReason,
	"recovery_target_timeline": standbyReason, "recovery_target_xid": standbyReason, "sync_replication_slots": standbyReason,

	"synchronous_standby_names": "blue's standbys do not follow green, so its commits would wait forever; " +
		"set it once green has standbys of its own",
	"synchronized_standby_slots": "blue's standbys do not follow green, so its logical replication would wait forever; " +
		"set it once green has standbys of its own",
}

const (
	ownReason     = "green has its own"
	standbyReason = "it is for a standby or a recovery, and green is a primary"
)

// libraryLists name shared libraries, without which the server does not start, or no session.
var libraryLists = map[string]bool{"shared_preload_libraries": true, "session_preload_libraries": true, "local_preload_libraries": true}

// special changes one of blue's settings for green. keep is false where it has to be left out. A reason without keep says
// why; with keep it says what is different.
func (g Cluster) special(all []setting, s setting) (value, reason string, keep bool) {
	value = s.value
	switch name := strings.ToLower(s.name); {
	case leftOut[name] != "":
		return "", leftOut[name], false
	case name == "archive_command" || name == "archive_library":
		return g.archive(all, s)
	case name == "cluster_name":
		_, rest, ok := strings.Cut(value, strconv.Itoa(g.Old.Major)+"/")
		if !ok {
			return value, "", true
		}
		if g.New.ConfigDirectory != "" {
			return "", "green has its own, as the packages name it", false
		}
		return strconv.Itoa(g.New.Major) + "/" + rest, "with green's version", true
	case name == "huge_pages" && value == "on":
		return "try", "both clusters run at a time, and may not both get them; set it to on after the upgrade", true
	case libraryLists[name]:
		has, lacks := split(g.New.Programs, splitList(value))
		if len(lacks) > 0 {
			reason = strings.Join(lacks, ", ") + ": not installed for PostgreSQL " + strconv.Itoa(g.New.Major)
		}
		return joinList(has), reason, len(has) > 0
	case name == "log_directory":
		return g.movedAlong(all, value), "", true
	case name == "log_filename" && g.logsBeside(all):
		extension := filepath.Ext(value)
		value = strings.TrimSuffix(value, extension) + "-" + strconv.Itoa(g.New.Major) + extension
		return value, "both clusters log to one directory", true
	}
	return value, "", true
}

// logsBeside tells whether green will log into the directory into which blue logs.
func (g Cluster) logsBeside(all []setting) bool {
	return byName(all, "logging_collector").running == "on" && filepath.IsAbs(g.movedAlong(all, byName(all, "log_directory").value))
}

// archive keeps two clusters from writing into one archive. archive_mode stays as it is, because only a restart changes it; a
// command that does nothing lets green recycle its WAL.
func (g Cluster) archive(all []setting, s setting) (value, reason string, keep bool) {
	const loud = "NOT ARCHIVED: two clusters must not write into one archive; set green's own and take a base backup after the switchover"
	if mode := byName(all, "archive_mode").running; s.value == "" || mode == "" || mode == "off" {
		return "", "blue archives nothing with it", false
	}
	if s.name == "archive_library" {
		return "", loud, false
	}
	return "/bin/true", loud, true
}

// movedAlong returns the path on green of one that lies in blue's data directory: relative to the data directory.
func (g Cluster) movedAlong(all []setting, path string) string {
	if blue := byName(all, "data_directory").value; filepath.IsAbs(path) && blue != "" && within(path, blue) {
		if relative, err := filepath.Rel(blue, path); err == nil {
			return relative
		}
	}
	return path
}

var plainLibrary = regexp.MustCompile(`^[\w$/.-]+$`)

func joinList(items []string) string {
	var quoted []string
	for _, item := range items {
		if !plainLibrary.MatchString(item) {
			item = `"` + item + `"`
		}
		quoted = append(quoted, item)
	}
	return strings.Join(quoted, ", ")
}
