package pgctl

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
)

// Alive tells whether the process exists whose id is in text, such as the first line of postmaster.pid.
func Alive(text string) bool {
	pid, err := strconv.Atoi(strings.TrimSpace(text))
	return err == nil && pid > 0 && alive(pid)
}

// alive tells whether a process exists. One of another user answers EPERM, and exists.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
