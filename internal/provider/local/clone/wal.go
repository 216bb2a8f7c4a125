package clone

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
)

// copyWAL copies the segments from where recovery begins to where the backup ended, and the timeline's history. It stops there
// although blue has written more by now: a segment after the last one may hold WAL that blue has not flushed and could lose yet.
func (r *run) copyWAL(ctx context.Context, c *copier, from string, e ended) error {
	to := filepath.Join(r.target.DataDirectory, "pg_wal")
	for segment := range segments(e.start, e.stop, r.blue.segmentSize) {
		name := segmentName(e.timeline, segment, r.blue.segmentSize)
		err := c.one(ctx, filepath.Join(from, name), filepath.Join(to, name))
		if err == nil {
			continue
		}
		if errors.Is(err, errVanished) {
			err = fault.WithHint(fmt.Errorf("blue has removed its WAL segment %s", name),
				"A replication slot that is older than the clone keeps blue's WAL; the one that was made is gone or lost.")
		}
		return fmt.Errorf("copy blue's WAL: %w", err)
	}
	name := historyName(e.timeline)
	if _, err := os.Stat(filepath.Join(from, name)); errors.Is(err, fs.ErrNotExist) {
		return nil // the first timeline has none
	}
	return c.one(ctx, filepath.Join(from, name), filepath.Join(to, name))
}

// segments ranges over the numbers of the segments with the WAL from start up to, not including, stop.
func segments(start, stop postgres.LSN, size uint64) func(yield func(uint64) bool) {
	return func(yield func(uint64) bool) {
		for n := uint64(start) / size; n <= (uint64(stop)-1)/size; n++ {
			if !yield(n) {
				return
			}
		}
	}
}

// segmentName is the file name of a segment
// (https://www.postgresql.org/docs/current/wal-internals.html).
func segmentName(timeline uint32, number, size uint64) string {
	perFile := uint64(1<<32) / size
	return fmt.Sprintf("%08X%08X%08X", timeline, number/perFile, number%perFile)
}

func historyName(timeline uint32) string { return fmt.Sprintf("%08X.history", timeline) }
