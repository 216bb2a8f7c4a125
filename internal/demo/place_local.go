package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
)

// local is this host: blue is a cluster of the demo's own, and green comes to be beside it.
type local struct {
	stage *stage
	blue  pgctl.Cluster
	green pgctl.Programs

	bluePort, greenPort int
}

func (l *local) build(ctx context.Context) (*postgres.Server, string, error) {
	programs, err := pgctl.Find(l.stage.options.From)
	if err != nil {
		return nil, "", err
	}
	if l.green, err = pgctl.Find(l.stage.options.To); err != nil {
		return nil, "", err
	}
	for _, port := range []*int{&l.bluePort, &l.greenPort} {
		if *port, err = freePort(); err != nil {
			return nil, "", err
		}
	}
	l.blue = pgctl.Cluster{Programs: programs, DataDirectory: filepath.Join(l.stage.directory, "blue"), Account: l.stage.account}
	if err := l.start(ctx); err != nil {
		return nil, "", err
	}
	server, err := l.open("blue", l.bluePort)
	return server, fmt.Sprintf("host=127.0.0.1 port=%d", l.bluePort), err
}

func (l *local) start(ctx context.Context) error {
	if err := l.blue.Init(ctx, "--username", superuser, "--auth", "trust", "--locale", "C.UTF-8", "--encoding", "UTF8"); err != nil {
		return err
	}
	conf, err := os.OpenFile(filepath.Join(l.blue.DataDirectory, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(conf, "port = %d\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '%s'\nwal_level = logical\nmax_connections = 200\n"+
		"shared_buffers = 128MB\nmax_wal_size = 2GB\n", l.bluePort, l.stage.directory)
	if closed := conf.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return l.blue.Start(ctx, filepath.Join(l.stage.directory, "blue.log"))
}

func (*local) fill(context.Context, *postgres.Server) error { return nil }

func (l *local) config() string {
	return fmt.Sprintf("blue: {data_directory: %q, bin_directory: %q}\ngreen: {data_directory: %q, port: %d, bin_directory: %q, service: pg_ctl}\n",
		l.blue.DataDirectory, l.blue.Directory, l.greenCluster().DataDirectory, l.greenPort, l.green.Directory)
}

func (l *local) openGreen(context.Context) (*postgres.Server, error) {
	return l.open("green", l.greenPort)
}

func (l *local) open(name string, port int) (*postgres.Server, error) {
	return postgres.Open(name, fmt.Sprintf("host=127.0.0.1 port=%d user=%s sslmode=disable", port, superuser))
}

func (l *local) greenCluster() pgctl.Cluster {
	return pgctl.Cluster{Programs: l.green, DataDirectory: filepath.Join(l.stage.directory, "green"), Account: l.stage.account}
}

func (l *local) look() []string {
	return []string{
		fmt.Sprintf("%s -h 127.0.0.1 -p %d -U postgres shop   # green", l.green.Path("psql"), l.greenPort),
		fmt.Sprintf("%s -h 127.0.0.1 -p %d -U pgteal pgbouncer   # PgBouncer", l.green.Path("psql"), l.stage.bouncer.Port),
		"pgteal status --config " + l.stage.file(),
		"pgteal finish --config " + l.stage.file() + "   # ends the upgrade",
		fmt.Sprintf("%s stop -D %s && rm -r %s   # removes what is left then", l.green.Path("pg_ctl"), l.greenCluster().DataDirectory, l.stage.directory),
	}
}

func (*local) outlives() bool { return true }

func (l *local) clear() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var failed []error
	for _, c := range []pgctl.Cluster{l.blue, l.greenCluster()} {
		if c.DataDirectory != "" {
			failed = append(failed, c.Stop(ctx, "immediate"))
		}
	}
	return errors.Join(failed...)
}
