//go:build !linux

package command

import (
	"os/exec"
	"syscall"
)

// runGroup runs cmd in a process group of its own.
func runGroup(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd.Run()
}
