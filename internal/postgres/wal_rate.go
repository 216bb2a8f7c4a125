package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/finding"
)

// WALReading is where a server's log was at some moment.
type WALReading struct {
	At         time.Time // by the server's clock
	Position   int64     // of the next record, in bytes; 0 on a standby
	Checkpoint int64     // where the last checkpoint began
	CheckedAt  time.Time // and when, to the second
}

// WALRate is how fast a server writes WAL, in bytes a second: within a moment just now, and on average since its last checkpoint. Either is
// negative where the time was too short to tell.
type WALRate struct {
	Now, Average float64
	Since        time.Duration // since the last checkpoint
}

const (
	shortestMoment  = 100 * time.Millisecond // within less, one commit more or less decides
	shortestAverage = 10 * time.Second       // the time of a checkpoint is known to the second

	walSoon = 5 * time.Minute // hardly enough for the smallest upgrade
	walLate = 6 * time.Hour   // enough to make green of all but the largest clusters
)

// ReadWAL reads where the log is.
func ReadWAL(ctx context.Context, conn *pgx.Conn) (r WALReading, err error) {
	err = conn.QueryRow(ctx, `SELECT clock_timestamp(),
		CASE WHEN pg_is_in_recovery() THEN 0 ELSE pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') END::bigint,
		pg_wal_lsn_diff(redo_lsn, '0/0')::bigint, checkpoint_time FROM pg_control_checkpoint()`).
		Scan(&r.At, &r.Position, &r.Checkpoint, &r.CheckedAt)
	if err != nil {
		return r, fmt.Errorf("read where the WAL is: %w", err)
	}
	return r, nil
}

// Rate returns how fast the log grew from an earlier reading to this one.
func (r WALReading) Rate(earlier WALReading) WALRate {
	rate := WALRate{Now: -1, Average: -1, Since: r.At.Sub(r.CheckedAt)}
	if passed := r.At.Sub(earlier.At); passed >= shortestMoment {
		rate.Now = float64(r.Position-earlier.Position) / passed.Seconds()
	}
	if rate.Since >= shortestAverage {
		rate.Average = float64(r.Position-r.Checkpoint) / rate.Since.Seconds()
	}
	return rate
}

// Room tells for how long so many bytes of room last, and what that stands in the way of; "" where it is long enough for nobody to care.
// The faster of the two rates tells. That it blocks the upgrade takes both: a moment may be a burst.
func (r WALRate) Room(bytes int64) (blocks finding.Blocks, lasts time.Duration) {
	lasting := func(rate float64) time.Duration {
		if rate*walLate.Seconds() <= float64(bytes) {
			return walLate
		}
		return time.Duration(float64(bytes) / rate * float64(time.Second)).Round(time.Second)
	}
	fastest, slowest := max(r.Now, r.Average), min(r.Now, r.Average)
	if slowest < 0 { // only one is known
		slowest = fastest
	}
	switch lasts = lasting(fastest); {
	case lasts >= walLate:
		return "", 0
	case lasting(slowest) < walSoon:
		return finding.Upgrade, lasts
	}
	return finding.Nothing, lasts
}

func (r WALRate) String() string {
	var said []string
	if r.Now >= 0 {
		said = append(said, megabytes(r.Now)+"/s, measured just now")
	}
	if r.Average >= 0 {
		said = append(said, fmt.Sprintf("%s/s on average since the checkpoint %s ago", megabytes(r.Average), r.Since.Round(time.Second)))
	}
	return strings.Join(said, ", and ")
}

func megabytes(bytes float64) string { return fmt.Sprintf("%.1f MB", bytes/(1<<20)) }
