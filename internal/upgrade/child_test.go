package upgrade_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/parts"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/upgrade"
	"github.com/pgteal/pgteal/test/site"
)

// asChild makes the test's own program a process that runs one command of an upgrade.
const asChild = "PGTEAL_TEST_AS_CHILD"

func TestMain(m *testing.M) {
	if text := os.Getenv(asChild); text != "" {
		var o order
		err := json.Unmarshal([]byte(text), &o)
		if err == nil {
			err = o.run(context.Background())
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%v\nnext: %s\n", err, fault.HintOf(err))
			os.Exit(int(fault.KindOf(err))) //nolint:forbidigo // this is the child's main
		}
		return
	}
	m.Run()
}

// order is what a child is to do.
type order struct {
	Command string `json:"command"` // prepare, switchover, rollback, finish, abort, or fix for check --fix
	Config  string `json:"config"`  // pgteal.yaml
	Kill    point  `json:"kill"`    // where it kills itself; the zero value is nowhere
}

// point is an instant of an upgrade.
type point struct {
	When  string        `json:"when"` // before or after the journal's entry, or while the step runs
	Step  string        `json:"step"`
	Event string        `json:"event"`
	Delay time.Duration `json:"delay"` // of a kill some time later
}

const (
	before = "before" // the entry is made: what it announces has happened, or is about to, and nobody knows
	after  = "after"  // the entry is durable, and nothing else has happened
	later  = "later"  // a while after the entry was durable, wherever the process is by then
	while  = "while"  // the step says what it is doing; at the latest before its last entry
)

func (p point) String() string { return fmt.Sprintf("%s (%s, %s)", p.When, p.Step, p.Event) }

// die ends this process as the kernel's out-of-memory killer would.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // it cannot be refused
	select {}
}

// deadly is a journal that kills its own process at a point.
type deadly struct {
	upgrade.Journal
	at point
}

func (d deadly) Append(ctx context.Context, e upgrade.Entry) error {
	here := e.Step == d.at.Step && e.Event == d.at.Event
	if here && (d.at.When == before || d.at.When == while) {
		die()
	}
	err := d.Journal.Append(ctx, e)
	if here && d.at.When == later {
		time.AfterFunc(d.at.Delay, die)
	} else if here {
		die()
	}
	return err
}

func (o order) run(ctx context.Context) error {
	cfg, err := config.Load(o.Config)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	p, err := parts.Of(ctx, cfg, func(e progress.Event) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(os.Stderr, e.Step, e.State, e.Message)
		if o.Kill.When == while && e.Step == o.Kill.Step && e.State == progress.Running {
			die()
		}
	})
	if err != nil {
		return err
	}
	p.Journal = func(directory string) upgrade.Journal {
		return deadly{Journal: upgrade.NewFileJournal(directory), at: o.Kill}
	}
	u, err := upgrade.Open(ctx, p)
	if err != nil {
		return err
	}
	defer u.Close()
	commands := map[string]func(context.Context) error{
		"prepare": u.Prepare, "switchover": u.Switchover, "rollback": u.Rollback, "finish": u.Finish, "abort": u.Abort,
		"fix": func(ctx context.Context) error { return fix(ctx, u) },
	}
	return commands[o.Command](ctx)
}

// fix makes every repair that a check proposes.
func fix(ctx context.Context, u *upgrade.Upgrade) error {
	result, err := u.Check(ctx)
	if err != nil {
		return err
	}
	var repairs []finding.Repair
	for _, f := range result.Findings {
		if f.Repair != nil {
			repairs = append(repairs, *f.Repair)
		}
	}
	_, err = u.Repair(ctx, repairs)
	return err
}

// spawn runs a command of the site's upgrade in a process of its own. It returns what the process said, and how it ended.
func spawn(t *testing.T, s *site.Site, command string, kill point) (said string, err error) {
	t.Helper()
	content, err := json.Marshal(order{Command: command, Config: s.File, Kill: kill})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// No pipes: a server that the child has started may live longer.
	output, err := os.CreateTemp(t.TempDir(), "child")
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close() //nolint:errcheck // it is read by its name
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), asChild+"="+string(content))
	child.Stdout, child.Stderr = output, output
	err = child.Run()
	text, failed := os.ReadFile(output.Name())
	if failed != nil {
		t.Fatal(failed)
	}
	return string(bytes.TrimSpace(text)), err
}

// succeed runs a command, which has to reach its end.
func succeed(t *testing.T, s *site.Site, command string) {
	t.Helper()
	if said, err := spawn(t, s, command, point{}); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, said)
	}
}

// kill runs a command, which has to reach the point where it kills itself.
func kill(t *testing.T, s *site.Site, command string, at point) {
	t.Helper()
	said, err := spawn(t, s, command, at)
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return
		}
	}
	t.Fatalf("%s did not come to the point %s: %v\n%s", command, at, err, said)
}

// journal reads the journal of the site's upgrade, and what is known last.
func journal(t *testing.T, s *site.Site) (entries []upgrade.Entry, last upgrade.State) {
	t.Helper()
	cfg, err := config.Load(s.File)
	if err != nil {
		t.Fatal(err)
	}
	if entries, err = upgrade.NewFileJournal(cfg.State()).Entries(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(entries) > 0 {
		last = entries[len(entries)-1].State
	}
	return entries, last
}
