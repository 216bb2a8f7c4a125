package pgctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Cluster is a data directory on this host and the programs that serve it.
type Cluster struct {
	Programs
	DataDirectory   string
	ConfigDirectory string // where postgresql.conf is, if not in the data directory (Debian); may be empty
	Account         Account
}

// Postmaster is what a running server says of itself in postmaster.pid
// (https://www.postgresql.org/docs/current/storage-file-layout.html).
type Postmaster struct {
	PID             int
	Port            int
	SocketDirectory string // the first one; may be empty
	ListenAddress   string // the first one; may be empty
}

// ErrNotRunning says that no server runs on a data directory.
var ErrNotRunning = errors.New("no server is running")

// Init makes a new cluster with initdb.
func (c Cluster) Init(ctx context.Context, args ...string) error {
	return c.Run(ctx, c.Account, "initdb", append([]string{"--pgdata", c.DataDirectory}, args...)...)
}

// Setting is one setting given on the server's command line, where it beats every file.
type Setting struct{ Name, Value string }

// Start starts the server and returns when it takes connections, or in recovery with hot_standby off as soon as that
// begins. Its messages go to logFile. On failure the error ends with the last lines of that file.
func (c Cluster) Start(ctx context.Context, logFile string, settings ...Setting) error {
	var options []string
	if c.ConfigDirectory != "" {
		options = append(options, "-c", shellQuote("config_file="+filepath.Join(c.ConfigDirectory, "postgresql.conf")))
	}
	for _, s := range settings {
		options = append(options, "-c", shellQuote(s.Name+"="+s.Value))
	}
	err := c.Run(ctx, c.Account, "pg_ctl", "start", "--pgdata", c.DataDirectory, "--log", logFile,
		"--silent", "--wait", "--timeout", "86400", "--options", strings.Join(options, " "))
	if err != nil {
		return fmt.Errorf("start the server on %s: %w\n%s", c.DataDirectory, err, Tail(logFile, 10))
	}
	return nil
}

// Stop stops the server in mode "smart", "fast" or "immediate". A server that does not run is no error.
func (c Cluster) Stop(ctx context.Context, mode string) error {
	if _, err := c.Postmaster(); errors.Is(err, ErrNotRunning) {
		return nil
	}
	err := c.Run(ctx, c.Account, "pg_ctl", "stop", "--pgdata", c.DataDirectory, "--silent", "--wait", "--timeout", "3600", "--mode", mode)
	if err != nil {
		return fmt.Errorf("stop the server on %s: %w", c.DataDirectory, err)
	}
	return nil
}

// Postmaster reads postmaster.pid. It returns ErrNotRunning where there is none or the process in it is gone.
func (c Cluster) Postmaster() (Postmaster, error) {
	file := filepath.Join(c.DataDirectory, "postmaster.pid")
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return Postmaster{}, fmt.Errorf("%s: %w", c.DataDirectory, ErrNotRunning)
	}
	if err != nil {
		return Postmaster{}, err
	}
	lines := strings.Split(string(content), "\n")
	if len(lines) < 6 {
		return Postmaster{}, fmt.Errorf("%s holds %d lines, so its server is still starting: %w", file, len(lines), ErrNotRunning)
	}
	pid, err1 := strconv.Atoi(strings.TrimSpace(lines[0]))
	port, err2 := strconv.Atoi(strings.TrimSpace(lines[3]))
	if err := errors.Join(err1, err2); err != nil {
		return Postmaster{}, fmt.Errorf("read %s: %w", file, err)
	}
	if !alive(pid) {
		return Postmaster{}, fmt.Errorf("%s names process %d, which is gone: %w", file, pid, ErrNotRunning)
	}
	return Postmaster{
		PID: pid, Port: port,
		SocketDirectory: strings.TrimSpace(lines[4]), ListenAddress: strings.TrimSpace(lines[5]),
	}, nil
}

// ControlData returns what pg_controldata says of the cluster, by its labels, such as "Database system identifier".
func (c Cluster) ControlData(ctx context.Context) (map[string]string, error) {
	out, err := c.Command(ctx, c.Account, "pg_controldata", c.DataDirectory).Output()
	if err != nil {
		return nil, fmt.Errorf("read the control file of %s: %w", c.DataDirectory, err)
	}
	data := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if label, value, ok := strings.Cut(line, ":"); ok {
			data[label] = strings.TrimSpace(value)
		}
	}
	return data, nil
}

// Tail returns the last lines of a text file, or what kept it from being read.
func Tail(file string, lines int) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimRight(content, "\n"), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}

// shellQuote quotes for the shell to which pg_ctl hands the server's options.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
