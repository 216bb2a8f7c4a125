package pgctl

import (
	"context"
	"fmt"
)

// Restart stops the server fast and starts it with the command line that it had (postmaster.opts). One that does not run is started with that
// of its last time, so a call that was cut off can be repeated. Its messages go to logFile.
//
// From the first moment of the stop on, clients get SQLSTATE 57P03, and later are refused; the shutdown writes a checkpoint, which may
// take as long as what is not on disk yet.
func (c Cluster) Restart(ctx context.Context, logFile string) error {
	err := c.Run(ctx, c.Account, "pg_ctl", "restart", "--pgdata", c.DataDirectory, "--log", logFile,
		"--silent", "--wait", "--timeout", "86400", "--mode", "fast")
	if err != nil {
		return fmt.Errorf("restart the server on %s: %w\n%s", c.DataDirectory, err, Tail(logFile, 10))
	}
	return nil
}
