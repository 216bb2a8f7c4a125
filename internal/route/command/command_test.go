package command_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route"
	"github.com/pgteal/pgteal/internal/route/command"
)

// program returns the route that a shell script moves. Its first argument is a directory of the test's own.
func program(t *testing.T, timeout time.Duration, script string) (c *command.Command, dir string) {
	t.Helper()
	dir = t.TempDir()
	file := filepath.Join(dir, "move clients.sh")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return command.New("orders", []string{"/bin/sh", file, dir}, timeout), dir
}

func read(t *testing.T, elements ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// gone waits until the process whose id is in the file is gone.
func gone(t *testing.T, file string) {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(read(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, time.Minute, "the process is gone", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // a zombie that nobody reaps in a container is gone, too
		return err != nil && syscall.Kill(pid, 0) != nil || strings.Contains(string(stat), ") Z ")
	})
}

func TestTheProgramLearnsWhatItNeedsFromItsEnvironment(t *testing.T) {
	t.Setenv("PGTEAL_HOST", "a leftover")
	t.Setenv("OF_THE_OPERATOR", "is there")
	c, dir := program(t, 0, `{ env | grep ^PGTEAL_ | grep -v ^PGTEAL_CACHE | sort; echo $OF_THE_OPERATOR; } >"$1/$PGTEAL_ACTION"; echo h:1`)
	ctx := t.Context()
	_, whereErr := c.Where(ctx)
	_, checkErr := c.Check(ctx)
	err := errors.Join(c.Hold(ctx), c.Point(ctx, route.Endpoint{Host: "db2", Port: 5433, SocketDirectory: "/run/x y"}), c.Release(ctx),
		c.Restore(ctx), c.Forget(), c.Close(), whereErr, checkErr)
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"check", "hold", "point", "where", "release", "restore", "forget"} {
		address := "PGTEAL_HOST=\nPGTEAL_PORT=\nPGTEAL_ROUTE=command /bin/sh\nPGTEAL_SOCKET_DIRECTORY=\n"
		if action == "point" {
			address = "PGTEAL_HOST=db2\nPGTEAL_PORT=5433\nPGTEAL_ROUTE=command /bin/sh\nPGTEAL_SOCKET_DIRECTORY=/run/x y\n"
		}
		want := "PGTEAL_ACTION=" + action + "\n" + address + "PGTEAL_TIMEOUT="
		got := read(t, dir, action)
		if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "PGTEAL_UPGRADE=orders\nis there\n") {
			t.Errorf("%s: the program saw\n%s, want\n%s", action, got, want)
		}
	}
}

func TestAProgramThatOnlyPointsIsEnough(t *testing.T) {
	c, dir := program(t, 0, `[ $PGTEAL_ACTION = point ] || exit 69; echo $PGTEAL_HOST:$PGTEAL_PORT >"$1/pointed"`)
	ctx := t.Context()
	where, err := c.Where(ctx)
	if err != nil || len(where) != 0 {
		t.Errorf("Where returned %v, %v", where, err)
	}
	if err := errors.Join(c.Hold(ctx), c.Point(ctx, route.Endpoint{Host: "::1", Port: 7}), c.Release(ctx), c.Forget()); err != nil {
		t.Error(err)
	}
	if err := c.Restore(ctx); err == nil || !strings.Contains(fault.HintOf(err), "Lead the clients back") {
		t.Errorf("Restore by a program that cannot returned %v", err)
	}
	if got := read(t, dir, "pointed"); got != "::1:7\n" {
		t.Errorf("it was pointed to %q", got)
	}
	findings, err := c.Check(ctx)
	if err != nil || len(findings) != 1 || findings[0].Blocks != finding.Nothing {
		t.Errorf("Check returned %+v, %v, want a remark", findings, err)
	}
	c, _ = program(t, 0, "exit 69")
	if err := c.Point(ctx, route.Endpoint{Port: 7}); err == nil || !strings.Contains(err.Error(), "does not support") {
		t.Errorf("Point of a program that cannot point returned %v", err)
	}
}

func TestAHoldThatRunsOutOfTimeLetsClientsGo(t *testing.T) {
	for name, hold := range map[string]string{
		"by its exit code": "exit 75",
		"by being killed":  "sleep 600",
	} {
		t.Run(name, func(t *testing.T) {
			c, dir := program(t, time.Minute, `echo $PGTEAL_ACTION >>"$1/actions"; [ $PGTEAL_ACTION = release ] || `+hold)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if err := c.Hold(ctx); !errors.Is(err, route.ErrHoldTimeout) {
				t.Errorf("Hold returned %v, want ErrHoldTimeout", err)
			}
			if got := read(t, dir, "actions"); got != "hold\nrelease\n" {
				t.Errorf("the program was asked for %q", got)
			}
		})
	}
}

func TestAHoldThatFailsLetsClientsGo(t *testing.T) {
	c, _ := program(t, 0, `[ $PGTEAL_ACTION = release ] || { echo it broke >&2; exit 1; }`)
	if err := c.Hold(t.Context()); err == nil || errors.Is(err, route.ErrHoldTimeout) || !strings.Contains(err.Error(), "it broke") {
		t.Errorf("Hold returned %v", err)
	}
	c, _ = program(t, 0, `exit 1`)
	if err := c.Hold(t.Context()); err == nil || !strings.Contains(fault.HintOf(err), "PGTEAL_ACTION=release '/bin/sh' ") {
		t.Errorf("Hold returned %v with the hint %q", err, fault.HintOf(err))
	}
}

func TestATimeoutKillsEverythingThatTheProgramHasStarted(t *testing.T) {
	c, dir := program(t, 5*time.Second, `sh -c 'echo $$ >"$0/child"; sleep 600' "$1" & echo $$ >"$1/program"; echo working >&2; wait`)
	err := c.Point(t.Context(), route.Endpoint{Port: 1})
	if err == nil || !strings.Contains(err.Error(), "timeout of 5s") || !strings.Contains(err.Error(), "working") {
		t.Errorf("Point returned %v", err)
	}
	gone(t, filepath.Join(dir, "program"))
	gone(t, filepath.Join(dir, "child"))
}

func TestAProgramMayLeaveAProcessBehind(t *testing.T) {
	c, dir := program(t, time.Minute, `sleep 600 & echo $! >"$1/left"; echo h:1`)
	where, err := c.Where(t.Context())
	if err != nil || len(where) != 1 {
		t.Errorf("Where returned %v, %v", where, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(read(t, dir, "left")))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("the process that was left behind: %v", err)
	}
}

func TestErrorsSayWhatTheProgramSaidWithinBounds(t *testing.T) {
	c, _ := program(t, 0, `head -c 1000000 /dev/zero | tr '\0' x >&2; printf '\n\377the end' >&2; echo to the other side; exit 3`)
	err := c.Point(t.Context(), route.Endpoint{Port: 1})
	if err == nil || !strings.HasSuffix(err.Error(), "?the end") || !strings.Contains(err.Error(), "exit status 3") || len(err.Error()) > 5000 {
		t.Errorf("Point returned %.200v", err)
	}
	if hint := fault.HintOf(err); !strings.Contains(hint, "PGTEAL_ACTION=point") {
		t.Errorf("the hint is %q", hint)
	}
}

func TestWhereReadsAddressesAndNothingElse(t *testing.T) {
	for out, want := range map[string]string{
		"db1:5432":                          "[{db1 5432  }]",
		` db1:5432\n\n[::1]:5433\ndb1:5432`: "[{db1 5432  } {::1 5433  }]",
		"/run/postgresql:5432":              "[{ 5432 /run/postgresql }]",
		"":                                  "no address",
		"garbage":                           `"garbage" is no address`,
		"db1:0":                             "is no address",
		"db1:65536":                         "is no address",
		":5432":                             "is no address",
		`db1:5432\nWarning: it rains`:       "is no address",
	} {
		c, _ := program(t, 0, "printf '"+out+"'")
		where, err := c.Where(t.Context())
		if got := fmt.Sprint(where); err == nil && got != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %s, %v, want %s", out, got, err, want)
		}
	}
	c, _ := program(t, 0, `yes db1:5432 | head -c 1000000`)
	if _, err := c.Where(t.Context()); err == nil || !strings.Contains(err.Error(), "65536 bytes") {
		t.Errorf("a flood: %v", err)
	}
}

func TestCheckFindsAProgramThatCannotWork(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	unhappy, _ := program(t, 0, `[ $PGTEAL_ACTION = check ] && { echo no route to the balancer >&2; exit 1; }; echo h:1`)
	garbage, _ := program(t, 0, `echo garbage`)
	for words, c := range map[string]*command.Command{
		"no such file":             command.New("orders", []string{filepath.Join(dir, "missing")}, 0),
		"permission denied":        command.New("orders", []string{plain}, 0),
		"no route to the balancer": unhappy,
		`"garbage" is no address`:  garbage,
	} {
		findings, err := c.Check(t.Context())
		if err != nil || len(findings) != 1 || findings[0].Blocks != finding.Switchover || findings[0].Fix == "" ||
			!strings.Contains(findings[0].Reason, words) {
			t.Errorf("Check returned %+v, %v, want a finding with %q", findings, err, words)
		}
	}
	missing := command.New("orders", []string{filepath.Join(dir, "missing")}, 0)
	if err := missing.Point(t.Context(), route.Endpoint{Port: 1}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("Point returned %v", err)
	}
}
