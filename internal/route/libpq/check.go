package libpq

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgteal/pgteal/internal/finding"
)

// Check finds a connection string with which clients would not follow, and one with which they do not land even now.
func (l *Libpq) Check(ctx context.Context) ([]finding.Finding, error) {
	var findings []finding.Finding
	forbid := func(name, reason, fix string) {
		findings = append(findings, finding.Finding{
			Check: "libpq-" + name, Blocks: finding.Switchover, Object: l.Name(), Reason: reason, Fix: fix,
		})
	}
	if len(l.hosts) < 2 {
		forbid("hosts", "The connection string has one host, so its clients cannot find the other cluster.",
			"Name both clusters, blue first: host=db1,db2 port=5432,5433 target_session_attrs=read-write.")
	}
	if l.attrs != "read-write" && l.attrs != "primary" {
		forbid("target-session-attrs", fmt.Sprintf("The connection string has target_session_attrs=%s, so a client takes a cluster that does not "+
			"take its writes.", orAny(l.attrs)), "Add target_session_attrs=read-write to it.")
	}
	if l.order != "" && l.order != "disable" {
		forbid("order", "With load_balance_hosts="+l.order+" clients try the hosts in any order, and give up at the one that is closed.",
			"Leave load_balance_hosts out, and name blue first.")
	}
	if index := l.greenIndex(); len(l.hosts) >= 2 && index < 0 {
		forbid("hosts", fmt.Sprintf("None of its hosts has green's port %d, so its clients cannot find green.", l.green.Port),
			"Name green in it behind blue: host=db1,db2 port=5432,5433.")
	} else if index == 0 && len(l.hosts) >= 2 {
		forbid("order", fmt.Sprintf("Its first host, %s, is green, which turns clients away until the switchover. libpq gives up there and does "+
			"not try blue.", l.hosts[0]), "Name blue first in it, green behind.")
	}
	index, said, err := l.land(ctx)
	if index < 0 && !l.greenServes(ctx) {
		forbid("lands", "A client with it does not get a connection now: "+strings.Join(strings.Fields(err.Error()), " ")+".", mend(said[len(said)-1]))
	}
	finding.Sort(findings)
	return findings, ctx.Err()
}

// greenServes tells whether green itself takes clients. Then blue, which stands before it, turns them away because it follows green, and is about
// to serve again.
func (l *Libpq) greenServes(ctx context.Context) bool {
	index := l.greenIndex()
	if index < 1 {
		return false
	}
	answer, _ := l.hosts[index].try(ctx)
	return answer == landed
}

// mend says what to do where the last host tried said err.
func mend(err error) string {
	refusal, answered := errors.AsType[*pgconn.PgError](err)
	switch {
	case !answered:
		return "See to hosts, ports and firewalls, and try it: psql with the same connection string."
	case refusal.Code == "28P01": // invalid_password
		return "Put the password into password_file, PGPASSFILE or a service file."
	default:
		return "See to pg_hba.conf, user and dbname, and try it: psql with the same connection string."
	}
}

// greenIndex is the place of the last host that may be green, -1 where none may. Names are compared as they are written, and only where
// some host with green's port has green's name: an address may have several.
func (l *Libpq) greenIndex() int {
	port, exact := -1, -1
	for i, h := range l.hosts {
		if h.port != l.green.Port {
			continue
		}
		port = i
		if h.name == l.green.Host {
			exact = i
		}
	}
	if exact >= 0 {
		return exact
	}
	return port
}

func orAny(attrs string) string {
	if attrs == "" {
		return "any, the default"
	}
	return attrs
}
