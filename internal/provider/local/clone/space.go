package clone

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pgteal/pgteal/internal/fault"
)

const spaceHint = "Make room there or name another place for the clone; " +
	"on XFS and btrfs, on blue's own file system, the clone needs next to none."

// checkSpace makes sure that files fit before the first byte is copied: the file system that would fill up may be the one that blue
// writes its WAL to.
func checkSpace(files []file) error {
	type room struct {
		at           string
		needed, free int64
	}
	rooms := map[uint64]*room{} // by device
	devices := map[string]uint64{}
	for _, f := range files {
		dir := filepath.Dir(f.to)
		device, seen := devices[dir]
		if !seen {
			info, err := os.Stat(dir)
			if err != nil {
				return err
			}
			var stat syscall.Statfs_t
			if err := syscall.Statfs(dir, &stat); err != nil {
				return fmt.Errorf("ask for the free space at %s: %w", dir, err)
			}
			device = deviceOf(info)
			devices[dir] = device
			if rooms[device] == nil {
				//nolint:gosec,unconvert // sizes of disks fit, and the types differ by system
				rooms[device] = &room{at: dir, free: int64(stat.Bavail) * int64(stat.Bsize)}
			}
		}
		rooms[device].needed += f.size
	}
	for _, r := range rooms {
		if r.needed > r.free {
			err := fmt.Errorf("the clone needs %d MB at %s, where %d MB are free: %w", r.needed>>20, r.at, r.free>>20, syscall.ENOSPC)
			return fault.WithHint(err, spaceHint)
		}
	}
	return nil
}

func deviceOf(info os.FileInfo) uint64 {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return uint64(stat.Dev) //nolint:unconvert // its type differs by system
}

func withSpaceHint(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.WithHint(err, spaceHint)
	}
	return err
}
