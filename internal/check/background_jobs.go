package check

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const backgroundJobsWhy = `The tables in which extensions keep their jobs are replicated like others, so green has the same jobs. pgteal keeps pg_cron on
green from starting any until green serves. pg_cron writes down the port of the server on which a job was scheduled, and connects to that one. Partitions
that pg_partman makes or drops after blue was cloned are changes of the schema, which are not replicated.`

func backgroundJobs(ctx context.Context, s *Session) ([]finding.Finding, error) {
	rows, _ := s.conn.Query(ctx, `SELECT e.extname, c.oid::regclass::text FROM pg_extension e
		JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'
		JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'r'
		JOIN pg_roles o ON o.oid = c.relowner AND o.rolsuper -- another owner could have what reads it run code of his as a superuser
		WHERE (e.extname, c.relname) IN (('pg_cron', 'job'), ('pg_partman', 'part_config'))`)
	var found []finding.Finding
	type table struct{ Extension, Name string }
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[table])
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		look := s.cronJobs
		if t.Extension == "pg_partman" {
			look = s.partmanTables
		}
		more, err := look(ctx, t.Name)
		if postgres.SQLState(err) == "42501" { // insufficient_privilege: we may not see the jobs
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// cronJobs finds jobs of pg_cron that are bound to blue's port. With cron.use_background_workers they are not.
func (s *Session) cronJobs(ctx context.Context, table string) ([]finding.Finding, error) {
	if s.settings["cron.use_background_workers"].Value == "on" {
		return nil, nil
	}
	port := s.settings["port"].Value
	of, err := one[int64](ctx, s, `SELECT count(*) FROM `+table+` WHERE nodeport = $1::text::int`, port)
	if err != nil || of == 0 {
		return nil, err
	}
	return []finding.Finding{{
		Blocks: finding.Nothing, Object: s.in("jobs of pg_cron"),
		Reason: fmt.Sprintf("%d of them are bound to port %s, which is blue's (%s.nodeport). Where green has another port, green's pg_cron "+
			"connects to blue, which turns it away: none of these jobs runs after the switchover.", of, port, table),
		Fix: fmt.Sprintf("UPDATE %s SET nodeport = current_setting('port')::int WHERE nodeport = %s; on green right after the switchover, or "+
			"%s restart blue.", table, port, strings.TrimSuffix(s.set("cron.use_background_workers", "on", true), " then restart blue.")),
	}}, nil
}

// partmanTables finds tables whose partitions pg_partman makes by itself.
func (s *Session) partmanTables(ctx context.Context, table string) ([]finding.Finding, error) {
	of, err := one[int64](ctx, s, `SELECT count(*) FROM `+table+` WHERE automatic_maintenance = 'on'`)
	if err != nil || of == 0 {
		return nil, err
	}
	return []finding.Finding{{
		Blocks: finding.Nothing, Object: s.in("pg_partman"),
		Reason: "It maintains the partitions of " + strconv.FormatInt(of, 10) + " tables. A partition that it makes or drops on blue after the clone " +
			"does not reach green, and forbids the switchover.",
		Fix: fmt.Sprintf("Before pgteal prepare, let it make what the next days need, then UPDATE %s SET automatic_maintenance = 'off' "+
			"WHERE automatic_maintenance = 'on'; and set it back on green after the switchover.", table),
	}}, nil
}
