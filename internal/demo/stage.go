package demo

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/config"
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

// stage is what a demo is played on: a directory with everything in it, blue somewhere, and PgBouncer before it.
type stage struct {
	options Options
	report  progress.Reporter

	directory string
	account   pgctl.Account
	place     place
	bouncer   *process.Process
	databases []string
}

// place is where the demo's clusters are.
type place interface {
	// build makes blue, and returns it with what PgBouncer connects by.
	build(ctx context.Context) (blue *postgres.Server, entry string, err error)

	// fill adds what the place needs beside the demo's own data.
	fill(ctx context.Context, blue *postgres.Server) error

	// config is what pgteal.yaml says of the place.
	config() string

	// openGreen reaches green as whoever may read everything.
	openGreen(ctx context.Context) (*postgres.Server, error)

	// look returns commands with which to look at what was left running.
	look() []string

	// outlives tells whether what is left running outlives this process.
	outlives() bool

	// clear ends everything.
	clear() error
}

// newStage is a stage in the place that the options name.
func newStage(options Options, report progress.Reporter) *stage {
	s := &stage{options: options, report: report}
	if options.Provider == config.ProviderAurora {
		s.place = &aurora{stage: s}
	} else {
		s.place = &local{stage: s}
	}
	return s
}

// build makes blue with its data, and PgBouncer before it.
func (s *stage) build(ctx context.Context) error {
	step := s.report.Step(stepDemo)
	step.State(progress.Begun, fmt.Sprintf("a PostgreSQL %d with data, PgBouncer and %d writers", s.options.From, s.options.Writers))
	if s.options.From >= s.options.To {
		return fault.New(fault.Usage, fmt.Errorf("the demo upgrades to a newer version: from %d to %d is not", s.options.From, s.options.To),
			"pgteal help demo")
	}
	if _, err := pgctl.Program("pgbouncer"); err != nil {
		return err
	}
	if err := s.makeRoom(); err != nil {
		return err
	}
	server, entry, err := s.place.build(ctx)
	if err != nil {
		return err
	}
	if s.databases, err = Fill(ctx, server, s.options.Scale, step); err != nil {
		return fmt.Errorf("fill blue with data: %w", err)
	}
	if err := audit.Install(ctx, server, s.databases, App); err != nil {
		return err
	}
	if err := s.place.fill(ctx, server); err != nil {
		return err
	}
	if err := s.startBouncer(ctx, entry); err != nil {
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
	return s.account.Own(s.directory)
}

func (s *stage) startBouncer(ctx context.Context, entry string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	directory := filepath.Join(s.directory, "pgbouncer")
	if _, err := s.account.Mkdir(directory); err != nil {
		return err
	}
	// Not with the demo's context: the writers need it until they are stopped. The fallback entry, because PgBouncer's file has no way to write
	// every name that a database can have.
	s.bouncer, err = process.Start(context.WithoutCancel(ctx), process.Config{
		Directory: directory, Port: port, Databases: "[databases]\n* = " + entry + "\n", Users: []string{App},
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
%sstate_directory: %q
routes:
  - pgbouncer: {admin: "host=127.0.0.1 port=%d user=%s dbname=pgbouncer", include: %q}
`, s.options.To, s.place.config(), filepath.Join(s.directory, "state"), s.bouncer.Port, process.Admin, s.bouncer.IncludeFile)
}

// file is where it is.
func (s *stage) file() string { return filepath.Join(s.directory, "pgteal.yaml") }

func (s *stage) logs() string { return filepath.Join(s.directory, "writers") }

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
