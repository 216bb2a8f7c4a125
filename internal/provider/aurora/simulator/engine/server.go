// Package engine runs the real PostgreSQL server that stands for a DB cluster: for its storage volume and for the process on its
// writer. Clients never reach it directly; the simulator's relays do.
package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/rights"
)

// Superuser is the bootstrap superuser. As on RDS, nobody else is one, and nobody gets in as it through the network.
const Superuser = rights.Admin

// LongestDirectory is how long the path of the directory can be in which servers have theirs: a Unix socket has to fit in below it.
const LongestDirectory = 64

// Place is where a server lives and listens.
type Place struct {
	Directory string        // of this server's own; made by Create and CloneTo. Short, as a Unix socket is in it.
	Account   pgctl.Account // runs the server
	Address   string        // loopback address of this server's own, where the relays reach it
	Port      int
	Authority *Authority
	Tokens    string // host and port of the LDAP server that checks tokens of IAM, for the name base of Directory/role
}

// Server is a DB cluster's server. Its methods exclude each other.
type Server struct {
	Place
	master string

	mu       sync.Mutex
	programs pgctl.Programs
	data     string       // the data directory; an upgrade makes another one
	start    postgres.LSN // where the volume's logical history begins: a clone's end of WAL
	slots    []slot       // of the cluster that this is a clone of, until they are made
	settings map[string]string

	accessMu sync.Mutex
	forceSSL bool     // nobody gets in without TLS
	byToken  []string // roles that log in with a token of IAM

	namesMu sync.Mutex
	names   []string // addresses of its endpoints, for the certificate
}

// New returns a server that has no files yet: Create or CloneTo makes them.
func New(p Place, programs pgctl.Programs, master string) *Server {
	return &Server{Place: p, programs: programs, master: master, data: filepath.Join(p.Directory, "data")}
}

// Create makes an empty cluster with a master user and, where it is named, a database. The server does not run afterwards.
func (s *Server) Create(ctx context.Context, password, database string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.directories(); err != nil {
		return err
	}
	err := s.cluster().Init(ctx, "--username", Superuser, "--auth", "trust", "--no-sync", "--locale", "C.UTF-8", "--encoding", "UTF8")
	if err != nil {
		return err
	}
	if err := s.launch(ctx); err != nil {
		return err
	}
	return errors.Join(s.populate(ctx, password, database), s.cluster().Stop(ctx, "fast"))
}

func (s *Server) directories() error {
	for _, dir := range []string{s.Directory, s.sockets()} {
		if _, err := s.Account.Mkdir(dir); err != nil {
			return fmt.Errorf("make a directory of the DB cluster's: %w", err)
		}
	}
	return nil
}

func (s *Server) populate(ctx context.Context, password, database string) error {
	root, err := s.Root()
	if err != nil {
		return err
	}
	if err := rights.Install(ctx, root, s.master); err != nil {
		return err
	}
	if err := s.SetPassword(ctx, password); err != nil {
		return err
	}
	if database == "" || database == "postgres" {
		return nil
	}
	return root.In(ctx, "postgres", func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s OWNER %s", postgres.Ident(database), postgres.Ident(s.master)))
		return err
	})
}

// SetPassword changes the master user's password.
func (s *Server) SetPassword(ctx context.Context, password string) error {
	root, err := s.Root()
	if err != nil {
		return err
	}
	return root.In(ctx, "postgres", func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, fmt.Sprintf("ALTER ROLE %s PASSWORD %s", postgres.Ident(s.master), postgres.Literal(password)))
		return err
	})
}

// Start starts the server with settings of the parameter groups.
func (s *Server) Start(ctx context.Context, settings map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.cluster().Postmaster(); err == nil {
		return nil
	}
	s.settings = settings
	return s.launch(ctx)
}

// Restart stops the server fast and starts it with settings.
func (s *Server) Restart(ctx context.Context, settings map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.cluster().Stop(ctx, "fast"); err != nil {
		return err
	}
	s.settings = settings
	return s.launch(ctx)
}

// Reload gives the server settings of which it takes, if it runs, what needs no restart, and a certificate that has changed. Sessions that
// begin afterwards see both.
func (s *Server) Reload(ctx context.Context, settings map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings = settings
	if _, err := s.cluster().Postmaster(); errors.Is(err, pgctl.ErrNotRunning) {
		return nil // the next start configures it
	}
	if err := s.configure(); err != nil {
		return err
	}
	root, err := s.Root()
	if err != nil {
		return err
	}
	return root.In(ctx, "postgres", func(conn *pgx.Conn) error { return reloaded(ctx, conn) })
}

// Stop stops the server fast. One that does not run is no error.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cluster().Stop(ctx, "fast")
}

// Kill stops the server as a crash does.
func (s *Server) Kill(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cluster().Stop(ctx, "immediate")
}

// Remove stops the server and removes all of it.
func (s *Server) Remove(ctx context.Context) error {
	return errors.Join(s.Kill(ctx), os.RemoveAll(s.Directory))
}

// Programs are those of the major version that the server has now.
func (s *Server) Programs() pgctl.Programs {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.programs
}

// Root reaches the server as its superuser, through its private socket.
func (s *Server) Root() (*postgres.Server, error) {
	server, err := postgres.Open("simulated DB cluster", fmt.Sprintf("host=%s port=%d user=%s sslmode=disable", s.sockets(), s.Port, Superuser))
	if err != nil {
		return nil, err
	}
	return server, nil
}

// LogFile is the server's log.
func (s *Server) LogFile() string { return filepath.Join(s.Directory, "postgresql.log") }

func (s *Server) sockets() string { return filepath.Join(s.Directory, "s") }

func (s *Server) cluster() pgctl.Cluster {
	return pgctl.Cluster{Programs: s.programs, DataDirectory: s.data, Account: s.Account}
}

// startLimit bounds a start, recovery after a crash included.
const startLimit = time.Minute

// launch configures and starts the server. A start that has begun is not cut off: a server that is neither there nor not could not be stopped.
func (s *Server) launch(ctx context.Context) error {
	if err := errors.Join(ctx.Err(), s.configure()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startLimit)
	defer cancel()
	if err := s.cluster().Start(ctx, s.LogFile()); err != nil {
		return err
	}
	return s.inherit(ctx)
}

func (s *Server) port() string { return strconv.Itoa(s.Port) }
