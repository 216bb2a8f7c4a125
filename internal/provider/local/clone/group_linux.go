package clone

import (
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// runGroup runs cmd so that it ends with us: all its processes when its context ends, and itself when this process is killed.
// Linux ties the latter to the thread that started it, which therefore stays with it.
func runGroup(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}
