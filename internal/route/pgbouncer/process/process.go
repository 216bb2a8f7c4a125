// Package process runs a PgBouncer of one's own on loopback: for the demo, for tests and for benchmarks.
package process

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// Admin is the user of the admin console. Stats may look there but not give commands.
const (
	Admin = "pgteal"
	Stats = "stats"
)

// startLimit bounds how long PgBouncer takes to listen.
const startLimit = 10 * time.Second

// Config says what PgBouncer to run.
type Config struct {
	Directory string            // exists; its files go there
	Port      int               // on 127.0.0.1
	Databases string            // the text of the included file, with its [databases]; "" keeps the file that is there
	Users     []string          // who may connect, besides Admin and Stats; nobody is asked for a password
	Settings  map[string]string // of [pgbouncer]; they beat ours. Ours pool transactions.
}

// Process is a running PgBouncer.
type Process struct {
	Port        int
	ConfigFile  string // pgbouncer.ini
	IncludeFile string // the included file, which a route may own
	LogFile     string

	cancel context.CancelFunc
	ended  chan struct{}
}

// Start starts a PgBouncer and returns when it listens. It ends with ctx or with Stop. As root it runs as an unprivileged account,
// because PgBouncer refuses root.
func Start(ctx context.Context, config Config) (*Process, error) {
	program, err := pgctl.Program("pgbouncer")
	if err != nil {
		return nil, err
	}
	account, err := pgctl.Unprivileged()
	if err != nil {
		return nil, err
	}
	p := &Process{
		Port:        config.Port,
		ConfigFile:  filepath.Join(config.Directory, "pgbouncer.ini"),
		IncludeFile: filepath.Join(config.Directory, "databases.ini"),
		LogFile:     filepath.Join(config.Directory, "pgbouncer.log"),
		ended:       make(chan struct{}),
	}
	users := filepath.Join(config.Directory, "users.txt")
	files := map[string]string{p.ConfigFile: p.settings(config, users), users: userList(config.Users)}
	if config.Databases != "" {
		files[p.IncludeFile] = config.Databases
	}
	for file, text := range files {
		if err := errors.Join(os.WriteFile(file, []byte(text), 0o600), account.Own(file)); err != nil {
			return nil, fmt.Errorf("write PgBouncer's configuration: %w", err)
		}
	}
	log, err := os.OpenFile(p.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open PgBouncer's log: %w", err)
	}
	defer log.Close() //nolint:errcheck // the process has its own

	ctx, p.cancel = context.WithCancel(ctx)
	cmd := pgctl.Programs{Directory: filepath.Dir(program)}.Command(ctx, account, filepath.Base(program), p.ConfigFile)
	cmd.Dir = config.Directory
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) } // at once; since 1.23 SIGTERM waits for clients
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		p.cancel()
		return nil, fmt.Errorf("start PgBouncer: %w", err)
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // how it ended is in its log
	}()
	if err := p.listening(ctx); err != nil {
		p.Stop()
		return nil, fmt.Errorf("start PgBouncer on port %d: %w\n%s", p.Port, err, pgctl.Tail(p.LogFile, 10))
	}
	return p, nil
}

// settings is the text of pgbouncer.ini.
func (p *Process) settings(config Config, users string) string {
	settings := map[string]string{
		"listen_addr":               "127.0.0.1",
		"listen_port":               strconv.Itoa(config.Port),
		"unix_socket_dir":           "",
		"auth_type":                 "trust",
		"auth_file":                 users,
		"admin_users":               Admin,
		"stats_users":               Stats,
		"pool_mode":                 "transaction",
		"max_client_conn":           "1000",
		"default_pool_size":         "20",
		"ignore_startup_parameters": "extra_float_digits,options,search_path",
	}
	maps.Copy(settings, config.Settings)
	var text strings.Builder
	fmt.Fprintf(&text, "%%include %s\n\n[pgbouncer]\n", p.IncludeFile)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s = %s\n", name, settings[name])
	}
	return text.String()
}

// userList is the text of PgBouncer's auth_file.
func userList(users []string) string {
	var text strings.Builder
	for _, user := range append([]string{Admin, Stats}, users...) {
		fmt.Fprintf(&text, "\"%s\" \"\"\n", strings.ReplaceAll(user, `"`, `""`))
	}
	return text.String()
}

// listening waits until PgBouncer takes connections.
func (p *Process) listening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.Address())
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.ended:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Address is where it listens: 127.0.0.1:6432.
func (p *Process) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)) }

// Console is the connection string of its admin console.
func (p *Process) Console() string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=pgbouncer sslmode=disable", p.Port, Admin)
}

// Stop ends PgBouncer at once, clients included, and returns when it is gone. It may be called again.
func (p *Process) Stop() {
	p.cancel()
	<-p.ended
}
