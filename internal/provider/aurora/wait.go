package aurora

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/rdsstatus"
)

// limits bound what AWS may take. AWS itself names no upper bounds; an instance generally comes within a quarter of an hour, and the upgrade
// of a cluster with many tables can take hours.
type limits struct {
	create  time.Duration // of a cluster or an instance
	upgrade time.Duration // one hop of it
	other   time.Duration // of anything else: a reboot, a deletion, a stop
	odd     time.Duration // in a status that is in no table
	settle  time.Duration // until a change that AWS has accepted shows
	appear  time.Duration // until something new shows: what AWS tells lags behind what it does
}

var defaultLimits = limits{create: 3 * time.Hour, upgrade: 12 * time.Hour, other: 2 * time.Hour, odd: time.Hour, settle: 5 * time.Minute, appear: time.Minute}

// AWS is asked soon at first, and then ever more seldom.
const (
	firstLook = 100 * time.Millisecond
	lastLook  = 10 * time.Second
)

// look is what a wait sees at a moment.
type look struct {
	status string          // AWS's word for it
	state  rdsstatus.State // what the table says about the status
	done   bool            // what is waited for is there
	reason string          // why the status is bad, where AWS says
}

// wait asks see until it is done. A bad status ends it, and so does a limit. Whoever waits again goes on: what counts is what AWS says.
func (a *Aurora) wait(ctx context.Context, step *progress.Step, object, until string, limit time.Duration, see func(context.Context) (look, error)) error {
	begun := time.Now()
	var odd struct {
		status string
		since  time.Time
	}
	for {
		now, err := see(ctx)
		if err != nil {
			return err
		}
		if now.done {
			return nil
		}
		elapsed := time.Since(begun).Round(time.Second)
		if now.state == rdsstatus.Bad {
			return badStatus(object, now)
		}
		if now.state != rdsstatus.Unknown {
			odd.status = ""
		} else if odd.status != now.status {
			odd.status, odd.since = now.status, time.Now()
			step.Say(fmt.Sprintf("%s has the status %q, which pgteal does not know; waiting for it to pass", object, now.status))
		}
		if now.state == rdsstatus.Unknown && time.Since(odd.since) > a.limits.odd || time.Since(begun) > limit {
			return fault.New(fault.Failed, fmt.Errorf("wait until %s is %s: its status is %q after %s", object, until, now.status, elapsed),
				"Look at it in the console of RDS. The same command waits on.")
		}
		step.Now(fmt.Sprintf("waiting until %s is %s: %s, %s", object, until, now.status, elapsed))
		if err := pauseFor(ctx, min(max(time.Since(begun)/10, firstLook), lastLook)); err != nil { // a tenth longer than it takes, at most
			return fmt.Errorf("wait until %s is %s: %w", object, until, err)
		}
	}
}

func badStatus(object string, now look) error {
	text := fmt.Sprintf("%s has the status %q", object, now.status)
	if now.reason != "" {
		text += ": " + now.reason
	}
	return fault.New(fault.Failed, errors.New(text), hintFor(now.status))
}

func pauseFor(ctx context.Context, pause time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pause):
		return nil
	}
}
