package green

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
)

// Service is what starts and stops green for good. Every method may be called again.
type Service interface {
	// Kind is debian, systemd or pg_ctl.
	Kind() string

	// Adopt hands green to the service, which will also start it at boot. Call it after Upgrade and before Carry and the first
	// start, so that green runs from the beginning as it will run later and needs no restart.
	Adopt(ctx context.Context) error

	// Cluster returns green as it is once it is adopted, with the directory of its configuration files.
	Cluster() pgctl.Cluster

	// Start, Stop and Restart return when green takes connections, or has stopped. Starting one that runs and stopping one that
	// does not are no errors.
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	Restart(ctx context.Context) error

	// Forget stops green and takes back what Adopt made, and nothing that somebody else did.
	Forget(ctx context.Context) error
}

// The kinds of services.
const (
	KindAuto    = "auto"
	KindDebian  = "debian"
	KindSystemd = "systemd"
	KindPgctl   = "pg_ctl"
)

// ServiceOptions say how green is started.
type ServiceOptions struct {
	Kind string        // auto, debian, systemd or pg_ctl
	Name string        // the upgrade's name, for the systemd unit
	Blue pgctl.Cluster // as it runs on this host; zero where it is on another
	Log  string        // the server's log file, with pg_ctl
}

// Service returns the service of green. What auto chose once holds for the whole upgrade.
func (g Cluster) Service(ctx context.Context, o ServiceOptions) (Service, error) {
	c, err := g.readClaim()
	if err != nil {
		return nil, err
	}
	kind := o.Kind
	if c.Service != "" {
		kind = c.Service
	}
	if kind == KindAuto || kind == "" {
		kind = g.choose(ctx, o.Blue)
	}
	switch kind {
	case KindDebian:
		return g.debian()
	case KindSystemd:
		return systemd{g: g, unit: "postgresql-" + o.Name + ".service"}, nil
	case KindPgctl:
		return plain{g: g, log: o.Log}, nil
	}
	return nil, fault.New(fault.Usage, fmt.Errorf("green.service: %q is none of auto, debian, systemd, pg_ctl", kind), "")
}

// choose lets green be started as blue is.
func (g Cluster) choose(ctx context.Context, blue pgctl.Cluster) string {
	if os.Geteuid() != 0 {
		return KindPgctl
	}
	if _, _, ok := debianName(blue); ok {
		if _, err := g.debian(); err == nil {
			return KindDebian
		}
	}
	if systemdRuns() && blue.DataDirectory != "" {
		if p, err := blue.Postmaster(); err == nil && unitOf(ctx, p.PID) != "" {
			return KindSystemd
		}
	}
	return KindPgctl
}

// registered records that a service has been given green, before and after it was.
func (g Cluster) registered(kind, registration string, complete bool) error {
	c, err := g.readClaim()
	if err != nil {
		return err
	}
	c.Service, c.Registration, c.Registered = kind, registration, complete
	return g.writeClaim(c)
}

// systemdRuns is sd_booted(3).
func systemdRuns() bool { return exists("/run/systemd/system") }

// unitOf returns the systemd service whose server pid is, "" where there is none. A server that somebody started by hand from within
// another service (cron's, say) is not that service.
func unitOf(ctx context.Context, pid int) string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		unit := filepath.Base(strings.TrimSpace(line))
		if !strings.HasSuffix(unit, ".service") {
			continue
		}
		main, err := exec.CommandContext(ctx, "systemctl", "show", "--property=MainPID", "--value", unit).Output()
		if err == nil && strings.TrimSpace(string(main)) == strconv.Itoa(pid) {
			return unit
		}
	}
	return ""
}

// command runs a program of the host, and returns what it said with its error.
func command(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
