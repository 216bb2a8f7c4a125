package pgtest

import (
	"os"

	"golang.org/x/sys/unix"
)

// sharedMemory is where Linux mounts a file system in memory for everybody.
const sharedMemory = "/dev/shm"

// enough is in bytes. All tests of `make test` together take 1.5 GB at most.
const enough = 4 << 30

// inMemory is a directory in memory if it has room and programs may run there, else "", the usual place for temporary files, which TMPDIR
// can set. Tests make and delete clusters of a thousand files all the time. ext4 avoids inodes that were deleted within the last minutes and looks at
// each of them for every new file, which took a quarter of the time of all tests.
func inMemory() string {
	var fs unix.Statfs_t
	if os.Getenv("TMPDIR") != "" || unix.Access(sharedMemory, unix.W_OK) != nil || unix.Statfs(sharedMemory, &fs) != nil {
		return ""
	}
	if fs.Flags&unix.ST_NOEXEC != 0 || fs.Bavail*uint64(fs.Bsize) < enough { //nolint:gosec // a block has no negative size
		return ""
	}
	return sharedMemory
}
