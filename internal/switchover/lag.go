package switchover

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// lagLooks is how many markers tell a trend. Where the first comes across fast, one is enough.
const lagLooks = 3

// lagPatience is how long a late side may take to catch up: right after a switchover the other side has only begun to follow.
const lagPatience = 8 * time.Second

// crossing is how a marker came across.
type crossing struct {
	took   time.Duration
	behind int64 // bytes of WAL that From wrote meanwhile: so far was To behind when the marker arrived
}

// lagIsSmall sends markers across, as the drain will: only what arrives tells the lag. The bytes that a slot reports are old where its
// database is idle. A lag within the limit that grows would be beyond it when the pause begins.
func (s *Switchover) lagIsSmall(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	limit := s.Limits.MaxPause / 2
	var mutex sync.Mutex
	err = ends.each(func(d *database) error {
		failedBefore, err := d.applyErrors(ctx)
		if err != nil {
			return err
		}
		seen, late, err := s.crossings(ctx, d, limit)
		for patience := time.Now().Add(lagPatience); err == nil && late && time.Now().Before(patience); {
			s.Step.Now(fmt.Sprintf("waiting for %s to catch up in database %q", s.To.Server.Name, d.Name))
			seen, late, err = s.crossings(ctx, d, limit)
		}
		if err != nil || !late && !grows(seen) {
			return err
		}
		reason := fmt.Sprintf("A marker did not reach %s within %s, half of max_pause.", s.To.Server.Name, limit)
		if !late {
			reason = fmt.Sprintf("%s falls behind: %d markers took longer and longer, %s; it is %d MB behind.",
				s.To.Server.Name, len(seen), durations(seen), seen[len(seen)-1].behind>>20)
		}
		why, fix, err := s.whyLate(ctx, d, failedBefore)
		if err != nil {
			return err
		}
		mutex.Lock()
		defer mutex.Unlock()
		findings = append(findings, guard(fmt.Sprintf("database %q", d.Name), reason+why, fix)...)
		return nil
	})
	return findings, err
}

// crossings sends up to lagLooks markers, and stops at the first that comes across in less than a quarter of limit: whatever the trend,
// such a lag is far from it. late tells that one has not come within limit.
func (s *Switchover) crossings(ctx context.Context, d *database, limit time.Duration) (seen []crossing, late bool, err error) {
	own := &database{Database: d.Database} // sessions of its own: one whose time is over is of no more use
	if own.from, err = s.From.Server.Connect(ctx, d.Name); err != nil {
		return nil, false, err
	}
	defer postgres.Close(own.from)
	if own.to, err = s.To.Server.Connect(ctx, d.Name); err != nil {
		return nil, false, err
	}
	defer postgres.Close(own.to)
	for range lagLooks {
		c, err := own.cross(ctx, limit)
		if ctx.Err() == nil && c.took >= limit {
			return seen, true, nil
		}
		if err != nil {
			return nil, false, err
		}
		if seen = append(seen, c); c.took < limit/4 {
			break
		}
	}
	return seen, false, nil
}

func (d *database) cross(ctx context.Context, limit time.Duration) (c crossing, err error) {
	begun := time.Now() // before the time runs: what it ends took no less than limit
	defer func() { c.took = time.Since(begun) }()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	const position = `SELECT pg_current_wal_insert_lsn()`
	var before, after postgres.LSN
	if err := d.from.QueryRow(ctx, position).Scan(&before); err != nil {
		return c, err
	}
	marker, err := postgres.WriteMarker(ctx, d.from)
	if err == nil {
		err = postgres.AwaitMarker(ctx, d.to, marker)
	}
	if err != nil {
		return c, fmt.Errorf("database %q: %w", d.Name, err)
	}
	err = d.from.QueryRow(ctx, position).Scan(&after)
	c.behind = int64(after - before)
	return c, err
}

// grows tells whether the lag of slow crossings has become greater from each to the next, in time or in bytes, and by a quarter in all: less
// comes and goes by chance.
func grows(seen []crossing) bool {
	if len(seen) < lagLooks {
		return false
	}
	longer, more := true, true
	for i := range seen[1:] {
		longer = longer && seen[i+1].took > seen[i].took
		more = more && seen[i+1].behind > seen[i].behind
	}
	first, last := seen[0], seen[len(seen)-1]
	return longer && last.took > first.took*5/4 || more && last.behind > first.behind*5/4
}

func durations(seen []crossing) string {
	var all []string
	for _, c := range seen {
		all = append(all, c.took.Round(time.Millisecond).String())
	}
	return strings.Join(all, ", ")
}

// whyLate says what keeps To from applying, as far as To can tell, and what mends it. failedBefore is how often the subscription had failed before
// the marker was sent.
func (s *Switchover) whyLate(ctx context.Context, d *database, failedBefore int64) (why, fix string, err error) {
	blockers, err := postgres.Blockers(ctx, d.to, postgres.SlotName(d.OID))
	if err != nil {
		return "", "", err
	}
	if len(blockers) > 0 {
		b := blockers[0]
		if b.PID == 0 {
			return " The apply worker waits for a lock that a prepared transaction holds.",
				fmt.Sprintf("On %s: SELECT * FROM pg_prepared_xacts; then COMMIT PREPARED or ROLLBACK PREPARED it.", s.To.Server.Name), nil
		}
		return fmt.Sprintf(" The apply worker waits for a lock that %s, application %q, holds.", b, b.Application),
			fmt.Sprintf("Wait for it, or on %s: SELECT pg_terminate_backend(%d);", s.To.Server.Name, b.PID), nil
	}
	failed, err := d.applyErrors(ctx)
	if err != nil {
		return "", "", err
	}
	if failed > failedBefore {
		return fmt.Sprintf(" The subscription has failed %d times meanwhile.", failed-failedBefore) + s.said(ctx, d),
			fmt.Sprintf("Mend what the server log of %s names: replication then goes on by itself.", s.To.Server.Name), nil
	}
	return "", "Wait until pgteal status shows little lag, or raise switchover.max_pause.", nil
}
