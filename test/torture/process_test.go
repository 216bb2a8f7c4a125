package torture

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processFaults happen to pgteal's own processes.
func processFaults() []*kind {
	return []*kind{
		{
			name: "SIGKILL of pgteal", often: 4, moments: anywhere, kills: true,
			strike: func(r *round, _ strike) func() { r.running.signal(syscall.SIGKILL); return nil },
		}, {
			name: "SIGKILL of its guard", often: 2, moments: inPause,
			strike: func(r *round, _ strike) func() { r.signal(syscall.SIGKILL, r.guards()...); return nil },
		}, {
			name: "SIGKILL of both", often: 3, moments: anywhere, kills: true, deaf: true,
			strike: func(r *round, _ strike) func() {
				guards := r.guards() // before the pipe ends that they read
				r.running.signal(syscall.SIGKILL)
				r.signal(syscall.SIGKILL, guards...)
				return nil
			},
		}, {
			name: "SIGKILL of pgteal, then of its guard", often: 3, moments: inPause, kills: true, deaf: true, longest: 400 * time.Millisecond,
			strike: func(r *round, _ strike) func() {
				r.running.signal(syscall.SIGKILL)
				return func() { r.signal(syscall.SIGKILL, r.guards()...) }
			},
		}, {
			name: "SIGTERM to the process group", often: 2, moments: anywhere, kills: true,
			strike: func(r *round, _ strike) func() { r.signal(syscall.SIGTERM, -r.running.Process.Pid); return nil },
		}, {
			name: "SIGSTOP of pgteal", often: 2, moments: anywhere, longest: 2 * maxPause,
			strike: func(r *round, _ strike) func() {
				r.running.signal(syscall.SIGSTOP)
				return func() { r.running.signal(syscall.SIGCONT) }
			},
		}, {
			name: "the same command twice", often: 1, moments: anywhere,
			strike: func(r *round, _ strike) func() {
				second := r.start(r.running.Args[1])
				return func() { r.await(second) }
			},
		},
	}
}

// signal sends a signal to processes. One that has ended gets none.
func (r *round) signal(signal syscall.Signal, pids ...int) {
	for _, pid := range pids {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			r.t.Errorf("send %s to process %d: %v", signal, pid, err)
		}
	}
}

// guards finds the guards of this round's upgrade.
func (r *round) guards() []int {
	return processes(func(arguments []string) bool {
		return len(arguments) > 3 && arguments[1] == "guard" && arguments[3] == r.site.File
	})
}

// processes finds those whose arguments fit. Files of a round's own in them make sure that they are the round's.
func processes(fit func(arguments []string) bool) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well formed
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil || !fit(strings.Split(string(content), "\x00")) {
			continue // it may have ended
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
