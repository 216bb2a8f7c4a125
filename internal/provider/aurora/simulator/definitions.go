package simulator

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// definition is a parameter of a family.
type definition struct {
	name        string
	dataType    string // boolean, float, integer, list, string
	allowed     string
	standard    string // engine default; "" where the instance class decides
	description string
	static      bool // takes effect at a reboot
	fixed       bool // not modifiable
	cluster     bool // of DB cluster parameter groups only
}

// own are the parameters that Amazon adds.
func ownDefinitions(major int) []definition {
	force := "0"
	if major >= 17 { // https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Security.html
		force = "1"
	}
	return []definition{
		{
			name: "rds.logical_replication", dataType: "boolean", allowed: "0,1", standard: "0", static: true, cluster: true,
			description: "Enables logical decoding.",
		},
		{
			name: "rds.force_ssl", dataType: "boolean", allowed: "0,1", standard: force, cluster: true,
			description: "Force SSL connections.",
		},
		{
			name: "rds.log_retention_period", dataType: "integer", allowed: "1440-10080", standard: "4320",
			description: "Amazon RDS will delete PostgreSQL log that are older than N minutes.",
		},
		{
			name: "rds.extensions", dataType: "list", fixed: true, cluster: true,
			description: "List of extensions provided by RDS.",
		},
	}
}

// clusterOnly are the beginnings of the names of parameters that DB cluster parameter groups have and DB parameter groups do not
// (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Reference.ParameterGroups.html).
var clusterOnly = []string{
	"archive_", "autovacuum", "client_encoding", "data_directory", "datestyle", "fsync", "full_page_writes", "hot_standby", "intervalstyle",
	"lc_", "max_logical_replication_workers", "max_prepared_transactions", "max_replication_slots", "max_sync_workers", "max_wal_senders",
	"max_worker_processes", "password_encryption", "port", "restart_after_crash", "server_encoding", "ssl", "synchronous_commit", "timezone",
	"track_commit_timestamp", "vacuum_defer", "wal_",
}

// fixed are the beginnings of the names of parameters that the cloud alone sets.
var fixed = []string{
	"archive_", "bonjour", "cluster_name", "config_file", "data_", "dynamic_library_path", "external_pid_file", "extension_control_path", "fsync",
	"full_page_writes", "hba_file", "hot_standby", "ident_file", "krb_", "listen_addresses", "lc_messages", "local_preload", "log_directory",
	"log_file", "logging_collector", "log_destination", "port", "primary_", "promote_", "recovery_", "restore_command", "restart_after_crash",
	"ssl", "superuser_reserved", "unix_socket", "wal_keep", "wal_level", "wal_sync_method", "server_", "allow_in_place", "jit_provider", "event_source",
	"archive_cleanup",
}

// setByAmazon are engine defaults of Aurora that differ from PostgreSQL's.
var setByAmazon = map[string]string{"max_replication_slots": "20", "max_wal_senders": "20"}

// define asks the programs of a major for the parameters that they know.
func define(ctx context.Context, programs pgctl.Programs, account pgctl.Account) ([]definition, error) {
	out, err := programs.Command(ctx, account, "postgres", "--describe-config").Output()
	if err != nil {
		return nil, fmt.Errorf("ask PostgreSQL %d for its parameters: %w", programs.Major, err)
	}
	all := map[string]definition{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
		const wanted = 8 // name, context, group, type, default, least, most, description
		if len(fields) < wanted || fields[1] == "internal" {
			continue
		}
		d := definition{name: strings.ToLower(fields[0]), description: fields[7], standard: fields[4]}
		switch fields[3] {
		case "BOOLEAN":
			d.dataType, d.allowed = "boolean", "0,1"
		case "INTEGER":
			d.dataType, d.allowed = "integer", fields[5]+"-"+fields[6]
		case "REAL":
			d.dataType, d.allowed = "float", fields[5]+"-"+fields[6]
		default:
			d.dataType = "string"
		}
		d.static = fields[1] == "postmaster"
		d.cluster, d.fixed = begins(d.name, clusterOnly), begins(d.name, fixed)
		if v, ok := setByAmazon[d.name]; ok {
			d.standard = v
		}
		all[d.name] = d
	}
	for _, d := range ownDefinitions(programs.Major) {
		all[d.name] = d
	}
	sorted := make([]definition, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sorted = append(sorted, all[name])
	}
	return sorted, nil
}

func begins(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// definitions returns the parameters of a family at a level.
func (s *Simulator) definitions(family string, cluster bool) ([]definition, error) {
	for _, v := range s.world.versions {
		if v.family(aurora) != family && (v.family("postgres") != family || cluster) {
			continue
		}
		all, known := s.world.definitions[v.programs.Major]
		if !known {
			var err error
			if all, err = define(s.ctx, v.programs, s.account); err != nil {
				return nil, err
			}
			s.world.definitions[v.programs.Major] = all
		}
		if cluster {
			return all, nil
		}
		return slices.DeleteFunc(slices.Clone(all), func(d definition) bool { return d.cluster && v.family(aurora) == family }), nil
	}
	return nil, refuseAs(invalidParameterValue, "ParameterGroupFamily %s is not a valid parameter group family", family)
}
