// Package process runs an HAProxy of one's own on loopback, for tests and for benchmarks.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// Limits for HAProxy to start or reload, and to answer.
const (
	startLimit  = 20 * time.Second
	answerLimit = 2 * time.Second
)

// Process is a running HAProxy.
type Process struct {
	Socket     string // the stats socket, of level admin
	ConfigFile string // haproxy.cfg
	LogFile    string

	program string
	workers []*worker // the last one is the current one; those before it finish their sessions
}

// worker is one process of HAProxy.
type worker struct {
	*exec.Cmd
	ended chan struct{}
}

// Start starts an HAProxy with sections, the text of haproxy.cfg behind the line `global`, and returns when it answers at its socket.
// Its files go to directory, which exists. It ends with Stop. As root it runs as an unprivileged account.
func Start(ctx context.Context, directory, sections string) (*Process, error) {
	program, err := pgctl.Program("haproxy")
	if err != nil {
		return nil, err
	}
	p := &Process{
		Socket:     filepath.Join(directory, "admin.sock"),
		ConfigFile: filepath.Join(directory, "haproxy.cfg"),
		LogFile:    filepath.Join(directory, "haproxy.log"),
		program:    program,
	}
	if err := p.Configure(sections); err != nil {
		return nil, err
	}
	return p, p.start(ctx)
}

// start starts a worker with more arguments, and returns when it answers.
func (p *Process) start(ctx context.Context, args ...string) error {
	account, err := pgctl.Unprivileged()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(p.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open HAProxy's log: %w", err)
	}
	defer log.Close() //nolint:errcheck // the process has its own
	w := &worker{
		Cmd: pgctl.Programs{Directory: filepath.Dir(p.program)}.Command(context.WithoutCancel(ctx), account, filepath.Base(p.program),
			append([]string{"-db", "-f", p.ConfigFile}, args...)...),
		ended: make(chan struct{}),
	}
	w.Dir = filepath.Dir(p.ConfigFile)
	w.Stdout, w.Stderr = log, log
	if err := w.Start(); err != nil {
		return fmt.Errorf("start HAProxy: %w", err)
	}
	go func() {
		defer close(w.ended)
		_ = w.Wait() // how it ended is in its log
	}()
	p.workers = append(p.workers, w)
	if err := p.answers(ctx, w); err != nil {
		p.Stop()
		return fmt.Errorf("start HAProxy: %w\n%s", err, pgctl.Tail(p.LogFile, 10))
	}
	return nil
}

// Configure writes sections into haproxy.cfg, for the next reload.
func (p *Process) Configure(sections string) error {
	text := fmt.Sprintf("global\n\tstats socket %s mode 600 level admin expose-fd listeners\n\n%s", p.Socket, sections)
	if err := os.WriteFile(p.ConfigFile, []byte(text), 0o644); err != nil { //nolint:gosec // it runs as another user, and holds no secret
		return fmt.Errorf("write HAProxy's configuration: %w", err)
	}
	return nil
}

// Reload makes HAProxy read its configuration again, as its service does: a new process takes the sockets over from the old one, which
// goes on with the sessions that it has. It returns when the new one answers.
func (p *Process) Reload(ctx context.Context) error {
	old := p.workers[len(p.workers)-1]
	return p.start(ctx, "-x", p.Socket, "-sf", strconv.Itoa(old.Process.Pid))
}

// answers waits until the worker is the one that answers.
func (p *Process) answers(ctx context.Context, w *worker) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, _ := Ask(ctx, p.Socket, "show info") // an error is no answer
		if strings.Contains(answer, fmt.Sprintf("\nPid: %d\n", w.Process.Pid)) {
			return nil
		}
		select {
		case <-w.ended:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Ask gives the HAProxy at a stats socket one command, past any route, and returns its answer.
func Ask(ctx context.Context, socket, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return "", err
	}
	defer conn.Close() //nolint:errcheck // all was read
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// Stop ends HAProxy at once, clients included, and returns when it is gone. It may be called again.
func (p *Process) Stop() {
	for _, w := range p.workers {
		_ = w.Process.Signal(syscall.SIGTERM) // one that has ended needs none
		<-w.ended
	}
}
