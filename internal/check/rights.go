package check

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

const rightsWhy = `On servers that people run themselves nothing less than a superuser suffices: pgteal reads and writes pg_hba.conf through
the server, makes a role that is a superuser, publishes tables of every owner, and pg_upgrade works as the superuser that initdb made.
Where the cloud keeps the superuser to itself, the least is: rds_superuser, for sessions of others and settings; rds_replication, for replication
slots and connections; CREATEROLE, for the role that pgteal makes; the rights of the owner of each database, for the schema, the publication and the
fence, which takes the right to connect from everybody else; and those of the owner of each table (see table-owners).
https://www.postgresql.org/docs/current/logical-replication-security.html`

func rights(ctx context.Context, s *Session) ([]finding.Finding, error) {
	rows, _ := s.conn.Query(ctx, `SELECT quote_ident(rolname), rolsuper, EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_superuser'),
		EXISTS (SELECT FROM pg_roles r WHERE rolname = 'rds_superuser' AND pg_has_role(r.oid, 'USAGE')),
		rolreplication OR EXISTS (SELECT FROM pg_roles r WHERE rolname = 'rds_replication' AND pg_has_role(r.oid, 'USAGE')),
			rolcreaterole OR rolname = '`+postgres.Role+`' -- which has been made
		FROM pg_roles WHERE rolname = current_user`)
	type role struct {
		Name                                    string
		Super, Cloud, Member, Replicates, Makes bool
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[role])
	if err != nil || r.Super {
		return nil, err
	}
	lacks := func(reason, fix string) finding.Finding {
		return finding.Finding{Blocks: finding.Upgrade, Object: "role " + r.Name, Reason: reason, Fix: fix}
	}
	if !r.Cloud {
		return []finding.Finding{lacks("pgteal works as this role, and it is not a superuser: it may neither publish all tables nor fence blue, and "+
			"what it sees of other sessions is incomplete.", "ALTER ROLE "+r.Name+" SUPERUSER;")}, nil
	}
	var findings []finding.Finding
	if !r.Member {
		findings = append(findings, lacks("pgteal works as this role, and it does not have the rights of rds_superuser: it may neither publish all "+
			"tables nor fence blue.", s.grant("rds_superuser", r.Name)))
	}
	if !r.Replicates {
		findings = append(findings, lacks("pgteal works as this role, and it does not have the rights of rds_replication: it may neither make "+
			"replication slots nor read from them.", s.grant("rds_replication", r.Name)))
	}
	if !r.Makes {
		findings = append(findings, lacks("pgteal works as this role, and it may not make the role by which the clusters replicate, and which alone the "+
			"fence lets in.", "ALTER ROLE "+r.Name+" CREATEROLE;"))
	}
	databases, err := s.databaseRights(ctx, r.Name)
	return append(findings, databases...), err
}

// databaseRights finds the databases in which role, the session's own, lacks what pgteal needs there.
func (s *Session) databaseRights(ctx context.Context, role string) ([]finding.Finding, error) {
	var names []string
	for _, d := range s.Databases {
		names = append(names, d.Name)
	}
	type database struct {
		Name, Owner    string
		Connects, Owns bool
	}
	const sql = `SELECT quote_ident(datname), quote_ident(pg_get_userbyid(datdba)), has_database_privilege(oid, 'CONNECT'), pg_has_role(datdba, 'USAGE')
		FROM pg_database WHERE datname = ANY($1) AND NOT (has_database_privilege(oid, 'CONNECT') AND pg_has_role(datdba, 'USAGE'))`
	return find(ctx, s, sql, []any{names}, func(d database) finding.Finding {
		f := finding.Finding{
			Blocks: finding.Upgrade, Object: "database " + d.Name,
			Reason: "Role " + role + ", as which pgteal works, does not have the rights of its owner: it may neither publish from it nor close it to clients.",
			Fix:    s.grant(d.Owner, role),
		}
		if !d.Connects {
			f.Reason = "Role " + role + ", as which pgteal works, may not connect to it: it was not checked."
			f.Fix = "GRANT CONNECT ON DATABASE " + d.Name + " TO " + role + ";"
		}
		return f
	})
}

// grant returns what gives role, which is quoted, the rights of group without SET ROLE, which pgteal does not use. From 16 on a grant has an
// option for that, before it is the role's own.
func (s *Session) grant(group, role string) string {
	if s.Major >= 16 {
		return "GRANT " + group + " TO " + role + " WITH INHERIT TRUE;"
	}
	return "GRANT " + group + " TO " + role + "; ALTER ROLE " + role + " INHERIT;"
}
