package postgres_test

import (
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

const mb = 1 << 20

func TestHowLongTheRoomForWALLasts(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	// reading is what a server that began with a checkpoint shows after so long, with so many MB written.
	reading := func(after time.Duration, written int64) postgres.WALReading {
		return postgres.WALReading{At: begun.Add(after), Position: 100*mb + written*mb, Checkpoint: 100 * mb, CheckedAt: begun}
	}
	for _, c := range []struct {
		what           string
		earlier, later postgres.WALReading
		room           int64
		blocks         finding.Blocks
		lasts          time.Duration
	}{
		{"nothing is written", reading(time.Minute, 0), reading(time.Minute+time.Second, 0), 1, "", 0},
		{"no time to tell", reading(time.Second, 0), reading(time.Second+time.Millisecond, 50), 10, "", 0},
		{"a steady stream", reading(100*time.Second, 1000), reading(101*time.Second, 1010), 6000, finding.Nothing, 10 * time.Minute},
		{"a steady stream and little room", reading(100*time.Second, 1000), reading(101*time.Second, 1010), 600, finding.Upgrade, time.Minute},
		{"a burst", reading(1000*time.Second, 0), reading(1001*time.Second, 10), 600, finding.Nothing, time.Minute},
		{"a lull", reading(100*time.Second, 1000), reading(101*time.Second, 1000), 600, finding.Nothing, time.Minute + time.Second},
		{"right after a checkpoint", reading(time.Second, 0), reading(2*time.Second, 10), 600, finding.Upgrade, time.Minute},
		{"too short a moment", reading(100*time.Second, 1000), reading(100*time.Second+time.Millisecond, 1000), 600, finding.Upgrade, time.Minute},
		{"much room", reading(100*time.Second, 1000), reading(101*time.Second, 1010), 1_000_000, "", 0},
	} {
		blocks, lasts := c.later.Rate(c.earlier).Room(c.room * mb)
		if blocks != c.blocks || lasts.Round(time.Second) != c.lasts {
			t.Errorf("%s: blocks %q, lasts %s, want %q and %s", c.what, blocks, lasts, c.blocks, c.lasts)
		}
	}
}

func TestWALIsReadOnEveryMajor(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 18} {
		s := pgtest.Start(t, major)
		s.Exec(t, "postgres", "CREATE ROLE plain LOGIN")
		conn, err := s.As("plain", "", "").Connect(t.Context(), "postgres")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { postgres.Close(conn) })
		before, err := postgres.ReadWAL(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		s.Exec(t, "postgres", "SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000))")
		after, err := postgres.ReadWAL(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		if grown := after.Position - before.Position; grown < 1_000_000 || grown > 1_500_000 || before.Checkpoint == 0 || before.CheckedAt.After(before.At) {
			t.Errorf("%d: %+v, then %+v", major, before, after)
		}
	}
}
