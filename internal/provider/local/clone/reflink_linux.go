package clone

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// nocow is btrfs's flag for files that are written in place (chattr +C).
const nocow = 0x00800000 // FS_NOCOW_FL

// reflink makes to share the blocks of from. It falls back to nothing.
func reflink(_ context.Context, from, to *os.File, size int64, copied func(int64)) error {
	err := ficlone(from, to)
	if errors.Is(err, unix.EINVAL) && alikeCOW(from, to) {
		err = ficlone(from, to)
	}
	if err != nil && size > 0 {
		return fmt.Errorf("reflink: %w", err)
	}
	copied(size)
	return nil
}

func ficlone(from, to *os.File) error {
	for {
		err := unix.IoctlFileClone(int(to.Fd()), int(from.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// alikeCOW gives to the copy-on-write flag of from, where they differ: btrfs shares blocks only between files that have the same.
// People switch it off for databases. It tells whether it changed something.
func alikeCOW(from, to *os.File) bool {
	want, err1 := unix.IoctlGetUint32(int(from.Fd()), unix.FS_IOC_GETFLAGS)
	have, err2 := unix.IoctlGetUint32(int(to.Fd()), unix.FS_IOC_GETFLAGS)
	if err1 != nil || err2 != nil || want&nocow == have&nocow {
		return false
	}
	return unix.IoctlSetPointerInt(int(to.Fd()), unix.FS_IOC_SETFLAGS, int(have^nocow)) == nil
}

// syncFileSystem returns when all that was written to the file system of path is on its disk.
func syncFileSystem(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(dir.Fd())), dir.Close())
}
