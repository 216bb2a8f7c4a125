package test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/test/site"
)

// What ends pgteal while clients are held and blue is fenced leaves nobody waiting: the writes are given back, without an error for those that
// wait, and the report says why and by whom. The next attempt goes through.
func TestWhateverEndsPgtealInThePauseTheWritesAreGivenBack(t *testing.T) {
	s := largeSite(t)
	pgteal(t, done, s, "prepare")
	load := s.Load(t, s.Bouncer.Port, 4)
	s.Write(t, pause(s, "wait", 20*time.Second))
	ends := []struct {
		what    string
		hit     func(*running) error
		reason  string
		endedBy any
	}{
		{"SIGKILL", func(r *running) error { return r.Process.Kill() }, "ended in the middle", "the guard"},
		{"SIGSTOP", func(r *running) error { return r.Process.Signal(syscall.SIGSTOP) }, "ended in the middle", "the guard"},
		{"SIGTERM to its process group", func(r *running) error { return syscall.Kill(-r.Process.Pid, syscall.SIGTERM) }, "fence: ", nil},
		{"the end of its connections", func(*running) error { return s.EndSessionsOfPgteal(t, s.Blue.Port) }, "terminating connection", nil},
	}
	for _, e := range ends {
		direct := beginLarge(t, s, s.Blue.Port, e.what) // keeps the fence waiting
		switching := begin(t, s, "switchover")
		fenced(t, s)
		if err := e.hit(switching); err != nil {
			t.Fatal(err)
		}
		hit := time.Now()
		pgtest.Eventually(t, patience, "blue lets clients in again", func() bool {
			return s.AsApp(t, s.Blue.Port, "shop", "SELECT 1") == "1"
		})
		site.AwaitWrites(t, load, 4)
		t.Logf("%s: clients write again after %s", e.what, time.Since(hit).Round(time.Millisecond))
		_ = switching.end(t)
		direct.exec(t, "COMMIT")
	}
	attempts, _ := at(t, pgteal(t, done, s, "switchover", "--json").document(t), "attempts").([]any)
	if len(attempts) != len(ends)+1 {
		t.Fatalf("%d attempts", len(attempts))
	}
	for i, e := range ends {
		attempt, _ := attempts[i].(map[string]any)
		reason, _ := attempt["reason"].(string)
		if attempt["outcome"] != "backed out" || !strings.Contains(reason, e.reason) || attempt["ended_by"] != e.endedBy {
			t.Errorf("the attempt that met %s: %v", e.what, attempt)
		}
		checkRows(t, s, e.what, rows)
	}
	site.AwaitWrites(t, load, 4)
	if v := s.Judge(t, load, s.Green(t)); v.Errors > 0 || !v.Clean() {
		t.Errorf("%d errors, %s", v.Errors, v.Damage())
	}
}

// Ctrl-Z in the pause stops nothing: clients would wait for as long as pgteal stands still, and its guard would think that it works.
func TestCtrlZInThePauseHoldsNobodyUp(t *testing.T) {
	s := largeSite(t)
	pgteal(t, done, s, "prepare")
	s.Write(t, pause(s, "wait", 4*time.Second))
	direct := beginLarge(t, s, s.Blue.Port, "Ctrl-Z") // keeps the fence waiting
	switching := begin(t, s, "switchover")
	fenced(t, s)
	if err := switching.Process.Signal(syscall.SIGTSTP); err != nil {
		t.Fatal(err)
	}
	switching.end(t).wants(t, backedOut)
	direct.exec(t, "COMMIT")
	pgteal(t, done, s, "switchover")
}

// Where the journal cannot be written there is no pause, and nothing for the guard to stay for.
func TestNoGuardStaysWhereThePauseCouldNotBegin(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root makes a directory read-only for itself, by a mount")
	}
	s := site.New(t, site.Options{Direct: true})
	pgteal(t, done, s, "prepare")
	pgteal(t, done, s, "switchover")
	state := s.StateDirectory()
	if err := errors.Join(syscall.Mount(state, state, "", syscall.MS_BIND, ""),
		syscall.Mount("", state, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, "")); err != nil {
		t.Skip("mounts are not to be had: ", err)
	}
	writable := sync.OnceFunc(func() {
		if err := syscall.Unmount(state, 0); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(writable)
	cmd := exec.CommandContext(t.Context(), program, "rollback", "--config", s.File)
	cmd.WaitDelay = 20 * time.Second // for the guard, which has the same output
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrWaitDelay) || cmd.ProcessState.ExitCode() == 0 {
		t.Errorf("%v\n%s", err, out)
	}
	writable()
	pgteal(t, done, s, "rollback")
}
