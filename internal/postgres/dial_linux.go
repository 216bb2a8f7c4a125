package postgres

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
)

// dialAs connects to a Unix socket as the operating system user uid. Peer authentication takes the effective user of the
// thread that calls connect (unix(7), SO_PEERCRED), so that thread alone changes it, by the raw system call:
// syscall.Seteuid would change it for the whole process.
func dialAs(ctx context.Context, uid int, address string) (net.Conn, error) {
	self := os.Geteuid() // asked of the thread, so before it changes
	runtime.LockOSThread()
	if err := setThreadEuid(uid); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("act as user %d to pass peer authentication: %w", uid, err)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", address)
	if back := setThreadEuid(self); back != nil {
		return nil, fmt.Errorf("stop acting as user %d: %w", uid, back) // the thread stays locked and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return conn, err
}

func setThreadEuid(uid int) error {
	const keep = ^uintptr(0) // -1: leave the real and the saved user as they are
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, uintptr(uid), keep); errno != 0 {
		return errno
	}
	return nil
}
