// Package local is PostgreSQL that people run themselves: green lives on this host, and so does blue where its data directory is known.
package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider/local/clone"
	"github.com/pgteal/pgteal/internal/route"
)

// Local implements provider.Provider. It keeps nothing in memory that a later process could not find on disk again.
type Local struct {
	config   *config.Config
	password string         // with which the operator's role reaches blue; "" where none is needed or libpq's files have it
	programs pgctl.Programs // of the major version wanted
	account  pgctl.Account  // owns clone and green
	upgrade  string         // id of the upgrade, once Own has said it
}

// New finds the programs of the major version wanted, and who is to own green: the owner of blue's data directory where that is here.
func New(cfg *config.Config, password string) (*Local, error) {
	l := &Local{config: cfg, password: password}
	var err error
	if l.programs, err = programs(cfg.Green.BinDirectory, cfg.To); err != nil {
		return nil, fmt.Errorf("green: %w", err)
	}
	if l.account, err = pgctl.Unprivileged(); err != nil {
		return nil, err
	}
	if dir := cfg.Blue.DataDirectory; dir != "" {
		if l.account, err = pgctl.OwnerOf(dir); err != nil {
			return nil, fault.New(fault.Usage, fmt.Errorf("blue.data_directory: %w", err),
				"Name blue's data directory, or blue.connection where blue is on another host.")
		}
		if uid := os.Geteuid(); uid != 0 && uid != l.account.UID {
			return nil, fault.New(fault.Usage, fmt.Errorf("blue's data directory %s belongs to user %d, not to you", dir, l.account.UID),
				"Run pgteal as that user or as root.")
		}
	}
	return l, nil
}

// programs returns those of major, in directory where one is configured.
func programs(directory string, major int) (pgctl.Programs, error) {
	if directory == "" {
		return pgctl.Find(major)
	}
	p, err := pgctl.At(context.Background(), directory)
	if err == nil && p.Major != major {
		err = fault.New(fault.Usage, fmt.Errorf("%s holds PostgreSQL %d, not %d", directory, p.Major, major), "Name the right bin_directory, or leave it out.")
	}
	return p, err
}

// Programs returns the programs of the major version wanted.
func (l *Local) Programs() pgctl.Programs { return l.programs }

// blueCluster is blue on this host; without a data directory where it is elsewhere.
func (l *Local) blueCluster() (pgctl.Cluster, error) {
	dir := l.config.Blue.DataDirectory
	if dir == "" {
		return pgctl.Cluster{}, nil
	}
	content, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if err != nil {
		return pgctl.Cluster{}, fault.New(fault.Usage, fmt.Errorf("blue.data_directory: %w", err), "It must be a cluster's data directory.")
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return pgctl.Cluster{}, fmt.Errorf("blue.data_directory: PG_VERSION says %q: pgteal knows versions from 10 on", content)
	}
	p, err := programs(l.config.Blue.BinDirectory, major)
	return pgctl.Cluster{Programs: p, DataDirectory: dir, ConfigDirectory: configDirectory(dir), Account: l.account}, err
}

var configFile = regexp.MustCompile(`"config_file=(/[^"]*)/[^/"]+"`)

// configDirectory is where a cluster's configuration is when not in its data directory: its server's own command line tells, which it
// keeps in postmaster.opts. Debian starts clusters so.
func configDirectory(dataDirectory string) string {
	content, err := os.ReadFile(filepath.Join(dataDirectory, "postmaster.opts"))
	if err != nil {
		return ""
	}
	if m := configFile.FindSubmatch(content); m != nil {
		return string(m[1])
	}
	return ""
}

// Blue reaches blue: by the configured connection, or by what its postmaster.pid says.
func (l *Local) Blue(ctx context.Context, role, password string) (*postgres.Server, error) {
	if role != "" && l.config.Blue.DataDirectory != "" { // whatever address it has now
		if own, err := l.ownBlue(ctx, role, password); err == nil {
			return own, nil
		}
	}
	if l.config.Blue.Connection != "" {
		s, err := l.open("blue", l.config.Blue.Connection)
		if err != nil {
			return nil, fault.New(fault.Usage, err, "")
		}
		if own := s.As(role, password, ""); role != "" && reachable(ctx, own, "") == nil {
			return own, nil
		}
		return s, reachable(ctx, s, "See to blue.connection, pg_hba.conf and the password (password_file, PGPASSFILE).")
	}
	blue, err := l.blueCluster()
	if err != nil {
		return nil, err
	}
	p, err := blue.Postmaster()
	if err != nil {
		return nil, fault.WithHint(fmt.Errorf("blue: %w", err), "Start blue, or correct blue.data_directory.")
	}
	var failed error
	for _, role := range l.roles() {
		s, err := l.open("blue", address(p)+" user="+quote(role))
		if err == nil {
			err = reachable(ctx, s, "")
		}
		if err == nil {
			return s, nil
		}
		failed = errors.Join(failed, fmt.Errorf("as role %q: %w", role, err))
	}
	if postgres.SQLState(failed) == "53300" { // too_many_connections
		return nil, fault.WithHint(failed,
			"All of blue's connections are taken, those that it keeps for superusers too: let applications connect as ordinary roles.")
	}
	return nil, fault.WithHint(failed, "Say in blue.connection how to connect, for example: connection: \"host=/run/postgresql user=admin\".")
}

// ownBlue reaches blue as pgteal's own role by what its postmaster.pid says.
func (l *Local) ownBlue(ctx context.Context, role, password string) (*postgres.Server, error) {
	blue, err := l.blueCluster()
	if err != nil {
		return nil, err
	}
	p, err := blue.Postmaster()
	if err != nil {
		return nil, err
	}
	s, err := postgres.Open("blue", address(p))
	if err != nil {
		return nil, err
	}
	own := s.RunAs(l.account.UID).As(role, password, "")
	return own, reachable(ctx, own, "")
}

// roles are those tried where the configuration names none: libpq's own default, the usual superuser, the owner of the files.
func (l *Local) roles() []string {
	var roles []string
	if role := os.Getenv("PGUSER"); role != "" {
		roles = append(roles, role)
	}
	roles = append(roles, "postgres")
	if u, err := user.LookupId(strconv.Itoa(l.account.UID)); err == nil && u.Username != "postgres" {
		roles = append(roles, u.Username)
	}
	return roles
}

func (l *Local) open(name, conninfo string) (*postgres.Server, error) {
	s, err := postgres.Open(name, conninfo)
	if err != nil {
		return nil, err
	}
	if l.password != "" {
		s = s.As(s.User(), l.password, l.config.Blue.PasswordFile)
	}
	return s.RunAs(l.account.UID), nil
}

func reachable(ctx context.Context, s *postgres.Server, hint string) error {
	_, err := s.MaintenanceDatabase(ctx)
	if err != nil {
		return fault.WithHint(err, hint)
	}
	return nil
}

// address is the connection string to a server on this host, without a role.
func address(p pgctl.Postmaster) string {
	host := p.SocketDirectory
	if host == "" {
		host = p.ListenAddress
	}
	if host == "" || host == "*" || host == "0.0.0.0" {
		host = "127.0.0.1"
	}
	return fmt.Sprintf("host=%s port=%d", quote(host), p.Port)
}

func quote(v string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'" }

// work is the directory of everything that serves the way to green, on the same file system as green.
func (l *Local) work() string { return l.config.Green.DataDirectory + ".pgteal" }

// target is where the clone goes. A tablespace's new location becomes green's in the end.
func (l *Local) target() clone.Target {
	return clone.Target{
		Upgrade: l.config.Upgrade, DataDirectory: filepath.Join(l.work(), "clone"), Account: l.account,
		Tablespaces: func(location string) string {
			if to, ok := l.config.Green.Tablespaces[location]; ok {
				return to
			}
			return strings.TrimRight(location, "/") + "-" + strconv.Itoa(l.config.To)
		},
	}
}

// source is blue as the clone sees it.
func (l *Local) source(blue *postgres.Server, major int) (clone.Source, error) {
	cluster, err := l.blueCluster()
	if err != nil {
		return clone.Source{}, err
	}
	if cluster.DataDirectory != "" {
		return clone.Source{Cluster: cluster, Server: blue, Programs: cluster.Programs}, nil
	}
	p, err := programs(l.config.Blue.BinDirectory, major)
	return clone.Source{Server: blue, Programs: p}, err
}

// greenCluster is green as pgctl sees it.
func (l *Local) greenCluster() pgctl.Cluster {
	return pgctl.Cluster{Programs: l.programs, DataDirectory: l.config.Green.DataDirectory, Account: l.account}
}

// cloneCluster is the clone as pgctl sees it.
func (l *Local) cloneCluster() (pgctl.Cluster, error) {
	dir := l.target().DataDirectory
	content, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if err != nil {
		return pgctl.Cluster{}, fmt.Errorf("find the clone: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return pgctl.Cluster{}, fmt.Errorf("find the clone: %w", err)
	}
	p, err := programs(l.config.Blue.BinDirectory, major)
	return pgctl.Cluster{Programs: p, DataDirectory: dir, Account: l.account}, err
}

// Endpoint is where routes reach green. The host stays as the route has it, unless green's is configured: green is where blue was.
func (l *Local) Endpoint() route.Endpoint {
	e := route.Endpoint{Host: l.config.Green.Host, Port: l.config.Green.Port}
	if p, err := l.greenCluster().Postmaster(); err == nil {
		e.SocketDirectory = p.SocketDirectory
	}
	return e
}
