package demo

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/route/pgbouncer/process"
)

// stepDemo names the demo's own preparations among the steps of the plan.
const stepDemo = "demo"

// superuser of the throw-away clusters.
const superuser = "postgres"

// stage is what a demo is played on: a directory with everything in it, blue, PgBouncer, and room for green.
type stage struct {
	options Options
	report  progress.Reporter

	directory string
	account   pgctl.Account
	blue      pgctl.Cluster
	green     pgctl.Programs
	bouncer   *process.Process
	databases []string

	bluePort, greenPort int
}

// build makes blue with its data, and PgBouncer before it.
func (s *stage) build(ctx context.Context) error {
	step := s.report.Step(stepDemo)
	step.State(progress.Begun, fmt.Sprintf("a PostgreSQL %d with data, PgBouncer and %d writers", s.options.From, s.options.Writers))
	if s.options.From >= s.options.To {
		return fault.New(fault.Usage, fmt.Errorf("the demo upgrades to a newer version: from %d to %d is not", s.options.From, s.options.To),
			"pgteal help demo")
	}
	programs, err := pgctl.Find(s.options.From)
	if err != nil {
		return err
	}
	if s.green, err = pgctl.Find(s.options.To); err != nil {
		return err
	}
	if _, err := pgctl.Program("pgbouncer"); err != nil {
		return err
	}
	if err := s.makeRoom(); err != nil {
		return err
	}
	s.blue = pgctl.Cluster{Programs: programs, DataDirectory: filepath.Join(s.directory, "blue"), Account: s.account}
	if err := s.startBlue(ctx); err != nil {
		return err
	}
	server, err := s.open("blue", s.bluePort)
	if err != nil {
		return err
	}
	if s.databases, err = Fill(ctx, server, s.options.Scale, step); err != nil {
		return fmt.Errorf("fill blue with data: %w", err)
	}
	if err := audit.Install(ctx, server, s.databases, App); err != nil {
		return err
	}
	if err := s.startBouncer(ctx); err != nil {
		return err
	}
	step.State(progress.Done, "")
	return nil
}

func (s *stage) makeRoom() (err error) {
	if s.account, err = pgctl.Unprivileged(); err != nil {
		return err
	}
	if s.directory, err = os.MkdirTemp("", "pgteal-demo-"); err != nil {
		return err
	}
	if err := s.account.Own(s.directory); err != nil {
		return err
	}
	for _, port := range []*int{&s.bluePort, &s.greenPort} {
		if *port, err = freePort(); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) startBlue(ctx context.Context) error {
	if err := s.blue.Init(ctx, "--username", superuser, "--auth", "trust", "--locale", "C.UTF-8", "--encoding", "UTF8"); err != nil {
		return err
	}
	conf, err := os.OpenFile(filepath.Join(s.blue.DataDirectory, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(conf, "port = %d\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '%s'\nwal_level = logical\nmax_connections = 200\n"+
		"shared_buffers = 128MB\nmax_wal_size = 2GB\n", s.bluePort, s.directory)
	if closed := conf.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return s.blue.Start(ctx, filepath.Join(s.directory, "blue.log"))
}

func (s *stage) startBouncer(ctx context.Context) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	// The fallback entry: PgBouncer's file has no way to write every name that a database can have.
	entries := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%d\n", s.bluePort)
	directory := filepath.Join(s.directory, "pgbouncer")
	if _, err := s.account.Mkdir(directory); err != nil {
		return err
	}
	// Not with the demo's context: the writers need it until they are stopped.
	s.bouncer, err = process.Start(context.WithoutCancel(ctx), process.Config{
		Directory: directory, Port: port, Databases: entries, Users: []string{App},
	})
	return err
}

// writers are spread over the databases and the kinds of work.
func (s *stage) writers() (writers []audit.Writer) {
	kinds := []audit.Work{audit.Transfer, audit.Single, audit.Sequence, audit.Heartbeat}
	for i := range s.options.Writers {
		writers = append(writers, audit.Writer{
			ID: "writer-" + strconv.Itoa(i), Work: kinds[i%len(kinds)], Database: s.databases[i%len(s.databases)], Directory: s.logs(),
			Conninfo: fmt.Sprintf("host=127.0.0.1 port=%d user=%s sslmode=disable", s.bouncer.Port, App),
		})
	}
	return writers
}

// config is the pgteal.yaml of the demo.
func (s *stage) config() string {
	return fmt.Sprintf(`upgrade: demo
to: %d
blue: {data_directory: %q, bin_directory: %q}
green: {data_directory: %q, port: %d, bin_directory: %q, service: pg_ctl}
state_directory: %q
routes:
  - pgbouncer: {admin: "host=127.0.0.1 port=%d user=%s dbname=pgbouncer", include: %q}
`, s.options.To, s.blue.DataDirectory, s.blue.Directory, s.greenCluster().DataDirectory, s.greenPort, s.green.Directory,
		filepath.Join(s.directory, "state"), s.bouncer.Port, process.Admin, s.bouncer.IncludeFile)
}

func (s *stage) greenCluster() pgctl.Cluster {
	if s.directory == "" {
		return pgctl.Cluster{}
	}
	return pgctl.Cluster{Programs: s.green, DataDirectory: filepath.Join(s.directory, "green"), Account: s.account}
}

func (s *stage) logs() string { return filepath.Join(s.directory, "writers") }

func (s *stage) open(name string, port int) (*postgres.Server, error) {
	return postgres.Open(name, fmt.Sprintf("host=127.0.0.1 port=%d user=%s sslmode=disable", port, superuser))
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it returns at once
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close() //nolint:errcheck // nobody has connected
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("%s is no TCP address", listener.Addr())
	}
	return address.Port, nil
}
