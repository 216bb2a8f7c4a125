//go:build !linux

package clone

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
)

func reflink(context.Context, *os.File, *os.File, int64, func(int64)) error {
	return fmt.Errorf("reflink: %w on this system", errors.ErrUnsupported)
}

// syncFileSystem returns when all that was written is on its way to disk.
func syncFileSystem(string) error {
	syscall.Sync()
	return nil
}
