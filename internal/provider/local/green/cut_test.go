package green_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider/local/green"
)

// upgradeVariable holds the cluster for TestUpgradeInAnotherProcess.
const upgradeVariable = "PGTEAL_TEST_UPGRADE"

// TestUpgradeInAnotherProcess is a pgteal that can be killed.
func TestUpgradeInAnotherProcess(t *testing.T) {
	content := os.Getenv(upgradeVariable)
	if content == "" {
		t.Skip("only for TestAnUpgradeThatIsKilledAnywhereCanBeRepeated")
	}
	var g green.Cluster
	if err := json.Unmarshal([]byte(content), &g); err != nil {
		t.Fatal(err)
	}
	step := progress.Reporter(func(e progress.Event) { fmt.Fprintln(os.Stdout, e.Doing) }).Step("upgrade")
	if err := g.Upgrade(t.Context(), step); err != nil {
		fmt.Fprintln(os.Stdout, "failed:", err)
	}
}

// The upgrade is cut off at each of these, one after the other, on the same clone.
var cuts = []string{
	"initdb", "Checking cluster versions", "Creating dump of global objects", "Creating dump of database schemas",
	"Checking for presence of required libraries", "Analyzing all rows", "Setting oldest XID", "Restoring global objects",
	"Restoring database schemas", `Adding ".old" suffix`, "Linking user relation files", "Setting next OID", "Sync data directory",
	"Creating script to delete", "Upgrade Complete",
}

func TestAnUpgradeThatIsKilledAnywhereCanBeRepeated(t *testing.T) {
	f := newFixture(t, 15, 18, options{space: true, tables: 100})
	config, err := json.Marshal(f.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	reached := 0
	for i, cut := range cuts {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestUpgradeInAnotherProcess$")
		cmd.Env = append(os.Environ(), upgradeVariable+"="+string(config))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "failed:") {
				t.Errorf("before %q: %s", cut, lines.Text())
			}
			if !strings.Contains(lines.Text(), cut) {
				continue
			}
			reached++
			if i%3 != 1 { // pgteal is killed, and for i%3 == 0 pg_upgrade goes on without it
				if err := cmd.Process.Kill(); err != nil {
					t.Error(err)
				}
			}
			if i%3 != 0 {
				f.killPgUpgrade(t)
			}
			break
		}
		for lines.Scan() { // so that the pipe does not fill up
		}
		_ = cmd.Wait() // it was killed
	}
	t.Logf("cut off at %d of %d places", reached, len(cuts))
	if reached < len(cuts)-3 {
		t.Errorf("only %d of %d cuts were reached", reached, len(cuts))
	}
	if err := f.Upgrade(t.Context(), quiet()); err != nil {
		t.Fatal(err)
	}
	f.checkData(t)
	f.nothingRuns(t)
}

// killPgUpgrade kills the program that runs in the work directory, but not what it has started.
func (f *fixture) killPgUpgrade(t *testing.T) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(f.Work, "pg_upgrade/pid"))
	if err != nil {
		return // nothing was started yet
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil || pid < 2 {
		t.Fatalf("%q: %v", content, err)
	}
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err == nil && strings.HasPrefix(cwd, f.dir) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile
	}
}

func TestACancelledUpgradeLeavesNoServerAndCanBeRepeated(t *testing.T) {
	f := newFixture(t, 15, 17, options{tables: 50})
	ctx, cancel := context.WithCancel(t.Context())
	step := progress.Reporter(func(e progress.Event) {
		if strings.Contains(e.Doing, "Restoring database schemas") {
			cancel()
		}
	}).Step("upgrade")
	if err := f.Upgrade(ctx, step); err == nil {
		t.Fatal("a canceled upgrade says that it succeeded")
	}
	f.nothingRuns(t)
	if err := f.Upgrade(t.Context(), quiet()); err != nil {
		t.Fatal(err)
	}
	f.checkData(t)
}

func TestAStalePidFileDoesNotEndAStranger(t *testing.T) {
	f := newFixture(t, 15, 18, options{})
	stranger := exec.CommandContext(t.Context(), "sleep", "600")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	stale := fmt.Sprintf("%d\n%s\n1700000000\n5432\n/tmp\n*\n 1 2\nready   \n", stranger.Process.Pid, f.Old.DataDirectory)
	if err := os.WriteFile(filepath.Join(f.Old.DataDirectory, "postmaster.pid"), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Upgrade(t.Context(), quiet()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(stranger.Process.Pid, 0); err != nil {
		t.Error("the stranger is gone")
	}
	_ = stranger.Process.Kill() // that was all we wanted of it
	_ = stranger.Wait()
	f.checkData(t)
}

func TestADataDirectoryOfSomebodyElseIsRefused(t *testing.T) {
	f := newFixture(t, 15, 18, options{})
	if _, err := f.New.Account.Mkdir(f.New.DataDirectory); err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(f.New.DataDirectory, "precious")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Upgrade(t.Context(), quiet()); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

func TestATablespaceThatLeadsToBlueIsRefused(t *testing.T) {
	f := newFixture(t, 15, 18, options{space: true})
	f.Keep = append(f.Keep, f.spaces) // as if the clone's link had been left as it was on blue
	if err := f.Upgrade(t.Context(), quiet()); err == nil || !strings.Contains(err.Error(), "belongs to blue") {
		t.Errorf("got %v", err)
	}
}
