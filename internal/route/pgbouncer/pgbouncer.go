// Package pgbouncer is the route through one PgBouncer. Its pgbouncer.ini includes a file that pgteal owns, with the databases that
// move (https://www.pgbouncer.org/config.html). Clients are held with PAUSE, led elsewhere by rewriting that file and RELOAD, and
// let go with RESUME.
package pgbouncer

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/route"
)

// connectTimeout bounds every attempt to reach the admin console.
const connectTimeout = 5 * time.Second

// probe is a database that nobody has. PgBouncer makes an entry of it out of `*` when the console names it, and drops that after
// autodb_idle_timeout: the only way to see where `*` leads.
const probe = "pgteal_probe"

// PgBouncer is the route through one PgBouncer. It is not for concurrent use.
type PgBouncer struct {
	name        string
	host, port  string // of the admin console
	user        string // of the admin console
	includePath string
	sessions    *sessions
}

var _ route.Route = (*PgBouncer)(nil)

// New returns the route through the PgBouncer whose admin console admin, a libpq connection string, leads to. Password may be
// empty: then PGPASSFILE and service files serve, as in libpq. Include is the path of the included file. Nothing is opened yet.
func New(admin, password, include string) (*PgBouncer, error) {
	config, err := pgconn.ParseConfig(admin)
	if err != nil {
		return nil, fmt.Errorf("read the connection string of PgBouncer's admin console: %w", err)
	}
	if config.Database == "" {
		config.Database = "pgbouncer"
	}
	if password != "" {
		config.Password = password
	}
	config.ConnectTimeout = connectTimeout
	config.RuntimeParams = map[string]string{"application_name": "pgteal"} // PgBouncer refuses parameters that it does not know
	config.ValidateConnect, config.AfterConnect = nil, nil                 // it would ask the console as if it were a server
	name := "pgbouncer " + net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
	if strings.HasPrefix(config.Host, "/") {
		name = fmt.Sprintf("pgbouncer %s:%d", config.Host, config.Port)
	}
	open := func(ctx context.Context) (*console, error) { return openConsole(ctx, config) }
	return &PgBouncer{
		name: name, host: config.Host, port: strconv.Itoa(int(config.Port)), user: config.User,
		includePath: include, sessions: newSessions(open),
	}, nil
}

// Name is `pgbouncer 127.0.0.1:6432`.
func (b *PgBouncer) Name() string { return b.name }

// Close ends the sessions of the admin console. What is paused stays paused.
func (b *PgBouncer) Close() error { return b.sessions.close() }

// Where returns the addresses that are in force, whatever the included file says. Where clients are not held, some may still
// be finishing what they began elsewhere.
func (b *PgBouncer) Where(ctx context.Context) ([]route.Endpoint, error) {
	f, err := b.read()
	if err != nil {
		return nil, err
	}
	live, err := b.databases(ctx, f)
	if err != nil {
		return nil, err
	}
	var endpoints []route.Endpoint
	for _, e := range f.entries {
		d, known := live[e.liveName()]
		if !known {
			return nil, b.notIncluded(e)
		}
		port, err := strconv.Atoi(d["port"])
		if err != nil {
			return nil, fmt.Errorf("%s: read the port of database %q: %w", b.name, e.name, err)
		}
		endpoint := route.Endpoint{Host: d["host"], Port: port}
		if isSocket(d["host"]) {
			endpoint = route.Endpoint{SocketDirectory: d["host"], Port: port}
		}
		if !slices.Contains(endpoints, endpoint) {
			endpoints = append(endpoints, endpoint)
		}
	}
	return endpoints, nil
}

// probeTries bounds how often databases asks for the probe.
const probeTries = 20

// databases returns what SHOW DATABASES says, by name; that of `*` under the name of the probe. Three times a second PgBouncer takes databases
// that it made out of `*`, and that nobody uses, off that list (do_full_maint in src/janitor.c): also between our two commands.
func (b *PgBouncer) databases(ctx context.Context, f *include) (map[string]row, error) {
	for try := 1; ; try++ {
		there := false
		if f.has(fallback) {
			// RECONNECT makes an entry of the probe, and has no connection to close.
			_, err := b.sessions.query(ctx, "RECONNECT "+probe)
			if err != nil && !refused(err, "no such database") {
				return nil, fmt.Errorf("%s: %w", b.name, err)
			}
			there = err == nil
		}
		rows, err := b.sessions.query(ctx, "SHOW DATABASES")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.name, err)
		}
		databases := map[string]row{}
		for _, r := range rows {
			databases[r["name"]] = r
		}
		if _, shown := databases[probe]; shown || !there || try == probeTries {
			return databases, nil
		}
	}
}

// liveName is the name under which databases returns the entry.
func (e *entry) liveName() string {
	if e.name == fallback {
		return probe
	}
	return e.name
}

// inForce tells whether d, a row of SHOW DATABASES, is what the entry says.
func (e *entry) inForce(d row) bool {
	return d["host"] == e.host.value && d["port"] == strconv.Itoa(e.portNumber())
}

func (b *PgBouncer) notIncluded(e entry) error {
	return fault.WithHint(fmt.Errorf("%s does not know database %q of %s", b.name, e.name, b.includePath),
		fmt.Sprintf("Add the line `%%include %s` to its pgbouncer.ini and run RELOAD in its admin console.", b.includePath))
}
