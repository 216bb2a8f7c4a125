package green

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pgteal/pgteal/internal/pgctl"
)

var startAuto = regexp.MustCompile(`(?m)^[ \t]*auto[ \t]*$`)

// Retire stops blue and keeps it from starting at boot. Its files stay. It returns, for the operator, what it did and how to take
// it back.
func (g Cluster) Retire(ctx context.Context, blue pgctl.Cluster) (string, error) {
	if major, name, ok := debianName(blue); ok {
		return retireDebian(ctx, blue, major, name)
	}
	unit, err := g.unitToRetire(ctx, blue)
	if err != nil {
		return "", err
	}
	if unit == "" {
		if err := blue.Stop(ctx, "fast"); err != nil {
			return "", err
		}
		return fmt.Sprintf("stopped the server on %s; where something else starts it at boot, switch that off (back: pg_ctl start -D %s)",
			blue.DataDirectory, blue.DataDirectory), nil
	}
	for _, args := range [][]string{{"disable", unit}, {"stop", unit}} {
		if err := command(ctx, "systemctl", args...); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("stopped and disabled %s (back: systemctl enable --now %s)", unit, unit), nil
}

func retireDebian(ctx context.Context, blue pgctl.Cluster, major, name string) (string, error) {
	file := filepath.Join(blue.ConfigDirectory, "start.conf")
	content, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // without the file, Debian starts it
		return "", err
	}
	words := "stopped cluster " + major + "/" + name
	if err != nil || startAuto.Match(content) {
		owner, err := pgctl.OwnerOf(blue.ConfigDirectory)
		if err != nil {
			return "", err
		}
		text := startAuto.ReplaceAllString(string(content), "manual")
		if !startAuto.Match(content) {
			text = "manual\n"
		}
		if err := writeAs(owner, file, []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	if systemdRuns() {
		if err := command(ctx, "systemctl", "daemon-reload"); err != nil {
			return "", err
		}
	}
	if err := pgCtlcluster(ctx, major, name, "stop"); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s; it no longer starts at boot: %s says manual (back: write auto there, then pg_ctlcluster %s %s start)",
		words, file, major, name), nil
}

// unitToRetire returns the systemd service that runs blue, "" where none does. It is written down before blue is stopped, because
// afterwards nothing tells.
func (g Cluster) unitToRetire(ctx context.Context, blue pgctl.Cluster) (string, error) {
	file := filepath.Join(g.Work, "retired-unit")
	if content, err := os.ReadFile(file); err == nil {
		return strings.TrimSpace(string(content)), nil
	}
	p, err := blue.Postmaster()
	if errors.Is(err, pgctl.ErrNotRunning) || !systemdRuns() || os.Geteuid() != 0 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	unit := unitOf(ctx, p.PID)
	if unit == "" {
		return "", nil
	}
	if err := g.makeWork(); err != nil {
		return "", err
	}
	return unit, writeAs(pgctl.Self(), file, []byte(unit+"\n"), 0o644)
}
