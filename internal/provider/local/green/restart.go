package green

import (
	"context"
	"errors"
	"os"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// Restart restarts blue by what started it: Debian's tools, its systemd service, or pg_ctl with its messages in log. A blue that does not
// run is started. May be called again after it was cut off: Debian and systemd finish a restart by themselves.
func Restart(ctx context.Context, blue pgctl.Cluster, log string) error {
	if major, name, ok := debianName(blue); ok {
		return pgCtlcluster(ctx, major, name, "restart")
	}
	if systemdRuns() && os.Geteuid() == 0 {
		p, err := blue.Postmaster()
		if err != nil && !errors.Is(err, pgctl.ErrNotRunning) {
			return err
		}
		if unit := unitOf(ctx, p.PID); err == nil && unit != "" {
			return command(ctx, "systemctl", "restart", unit)
		}
	}
	return blue.Restart(ctx, log)
}
