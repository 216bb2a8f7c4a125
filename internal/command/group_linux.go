package command

import (
	"os/exec"
	"runtime"
	"syscall"
)

// runGroup runs cmd in a process group of its own. When this process is killed the program is too: a program that outlives the pgteal that
// started it would run beside the one that the next pgteal starts. Linux ties that to the thread that started the program
// (PR_SET_PDEATHSIG, https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html), which therefore stays with it.
func runGroup(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}
