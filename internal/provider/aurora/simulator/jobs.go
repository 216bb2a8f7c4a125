package simulator

import (
	"context"
	"errors"
	"time"
)

// job is what a call has begun and goes on in the background.
type job struct {
	s     *Simulator
	ctx   context.Context //nolint:containedctx // a job is one run
	fault Fault
}

// statused has a status.
type statused interface{ setStatus(status string) }

// errEnded says that a fault has ended a job.
var errEnded = errors.New("a fault has ended it")

// begin starts a job on a DB cluster or one of its members. The caller holds mu.
func (s *Simulator) begin(q *call, c *dbCluster, work func(*job) error) {
	j := &job{s: s, ctx: s.ctx, fault: q.fault}
	s.jobs.Go(func() {
		err := work(j)
		if err != nil && !errors.Is(err, errEnded) && s.ctx.Err() == nil {
			s.locked(func() {
				s.logf("%s of DB cluster %s: %v", q.action, *c.shown.DBClusterIdentifier, err)
				c.setStatus("failed")
			})
		}
	})
}

// pass puts things into a status for a while.
func (j *job) pass(status string, things ...statused) error {
	var mended chan struct{}
	j.s.locked(func() {
		mended = j.s.world.mended
		for _, thing := range things {
			thing.setStatus(status)
		}
	})
	if j.fault.Stuck == status {
		select {
		case <-mended:
		case <-j.ctx.Done():
			return j.ctx.Err()
		}
	}
	if err := j.wait(); err != nil {
		return err
	}
	if j.fault.Ends == "" || j.fault.Ends == failedUpgrade {
		return nil
	}
	j.s.locked(func() {
		for _, thing := range things {
			thing.setStatus(j.fault.Ends)
		}
	})
	return errEnded
}

// wait lasts as long as a passing status.
func (j *job) wait() error {
	timer := time.NewTimer(j.s.options.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return j.ctx.Err()
	case <-j.ctx.Done():
		return j.ctx.Err()
	}
}
