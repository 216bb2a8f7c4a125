package green_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider/local/green"
)

// rehearsalVariable holds the rehearsal for TestRehearsalInAnotherProcess.
const rehearsalVariable = "PGTEAL_TEST_REHEARSAL"

type otherRehearsal struct {
	green.Rehearsal
	Conninfo string
}

// TestRehearsalInAnotherProcess is a pgteal that can be killed.
func TestRehearsalInAnotherProcess(t *testing.T) {
	content := os.Getenv(rehearsalVariable)
	if content == "" {
		t.Skip("only for TestARehearsalThatWasKilledIsTidiedUpByTheNext")
	}
	var r otherRehearsal
	if err := json.Unmarshal([]byte(content), &r); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.Server, err = postgres.Open("blue", r.Conninfo); err != nil {
		t.Fatal(err)
	}
	step := progress.Reporter(func(e progress.Event) { fmt.Fprintln(os.Stdout, e.Doing) }).Step("check")
	if _, err := r.Run(t.Context(), step); err != nil {
		fmt.Fprintln(os.Stdout, "failed:", err)
	}
}

func TestARehearsalThatWasKilledIsTidiedUpByTheNext(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	r := rehearsal(t, s, 18)
	other := otherRehearsal{Rehearsal: r, Conninfo: fmt.Sprintf("host=127.0.0.1 port=%d user=postgres sslmode=disable", s.Port)}
	other.Server = nil
	config, err := json.Marshal(other)
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []string{
		"initdb", "Checking cluster versions", "new cluster tablespace", "starting the empty", "restoring blue's roles", `database "postgres"`,
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestRehearsalInAnotherProcess$")
		cmd.Env = append(os.Environ(), rehearsalVariable+"="+string(config))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		reached := false
		lines := bufio.NewScanner(out)
		for !reached && lines.Scan() {
			reached = strings.Contains(lines.Text(), cut)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
		if !reached || !exists(r.Directory) {
			t.Errorf("%s: it was not reached, or nothing was left", cut)
		}
		if cut == "restoring blue's roles" {
			if err := r.Discard(t.Context()); err != nil {
				t.Error(err)
			}
			gone(t, r)
		} else if found := rehearse(t, r); len(found) > 0 {
			t.Errorf("%s: found\n%s", cut, show(found))
		}
	}
}

func TestACanceledRehearsalLeavesNothing(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	for _, cut := range []string{
		"initdb", "Checking cluster versions", "starting the empty", "restoring blue's roles", `database "template1"`, `database "postgres"`,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		r := rehearsal(t, s, 18)
		if _, err := r.Run(ctx, at(cut, cancel)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", cut, err)
		}
		cancel()
		gone(t, r)
	}
}

func TestTwoRehearsalsKeepOutOfEachOthersWay(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, 15)
	r := rehearsal(t, s, 18)
	found, err := r.Run(t.Context(), at("starting the empty", func() {
		if _, err := r.Run(t.Context(), quiet()); err == nil || !strings.Contains(err.Error(), "another pgteal") {
			t.Errorf("got %v", err)
		}
	}))
	if err != nil || len(found) > 0 {
		t.Errorf("%v\n%s", err, show(found))
	}
	gone(t, r)
}

// TestARehearsalOutlastsALockOfOneThatWasKilled has the lock held for a moment after its pgteal has gone, as a program does that it was just
// starting.
func TestARehearsalOutlastsALockOfOneThatWasKilled(t *testing.T) {
	t.Parallel()
	r := green.Rehearsal{Directory: filepath.Join(t.TempDir(), "green.rehearsal")}
	if err := os.Mkdir(r.Directory, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.Directory, "pgteal.rehearsal")
	held, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- r.Discard(t.Context()) }()
	pgtest.Eventually(t, time.Minute, "the other one has opened the lock file too", func() bool { return opened(path) > 1 })
	if err := held.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil || exists(path) {
		t.Errorf("%v; what marks the directory is there: %t", err, exists(path))
	}
}

// opened counts how often this process has a file open.
func opened(path string) (n int) {
	descriptors, _ := filepath.Glob("/proc/self/fd/*") // the pattern is well formed
	for _, d := range descriptors {
		if target, err := os.Readlink(d); err == nil && target == path {
			n++
		}
	}
	return n
}
