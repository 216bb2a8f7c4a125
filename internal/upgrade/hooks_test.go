package upgrade_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/switchover"
	"github.com/pgteal/pgteal/internal/upgrade"
	"github.com/pgteal/pgteal/test/site"
)

func TestHooksCanStandAtEveryStepOfThePlan(t *testing.T) {
	var names []string
	for _, step := range upgrade.Plan() {
		names = append(names, step.Name)
	}
	if names = append(names, "rollback", "abort"); !slices.Equal(names, config.HookSteps()) {
		t.Errorf("hooks can stand at %q, the steps are %q", config.HookSteps(), names)
	}
}

// A process that died in the pause leaves clients waiting. The next one lets them go on before it runs a hook, and runs none before a
// switchover that the first one had committed.
func TestClientsLeftInThePauseDoNotWaitForHooks(t *testing.T) {
	s := site.New(t, site.Options{})
	succeed(t, s, "prepare")
	programs, err := pgctl.Find(s.To)
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	script := fmt.Sprintf(`served=$('%s' -XAtq 'host=127.0.0.1 port=%d user=%s dbname=shop sslmode=disable' \
		-c "INSERT INTO audit.probe VALUES ('hook', 1) RETURNING current_setting('server_version_num')::int / 10000") &&
		echo "$PGTEAL_HOOK $PGTEAL_STEP $served" >>'%s'`, programs.Path("psql"), s.Bouncer.Port, site.App, log)
	text := s.Config() + "hooks:\n"
	for _, step := range []string{"switchover", "rollback"} {
		for _, when := range []string{"before", "after"} {
			text += fmt.Sprintf("  - {%s: %s, run: [/bin/sh, -c, %q]}\n", when, step, script)
		}
	}
	s.Write(t, text)
	for _, command := range []string{"switchover", "rollback"} {
		kill(t, s, command, point{When: before, Step: command, Event: string(switchover.Committed)})
		kill(t, s, command, point{When: after, Step: command, Event: string(switchover.Committed)})
		succeed(t, s, command)
	}
	content, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	want := "before switchover 15|before switchover 15|after switchover 18|before rollback 18|before rollback 18|after rollback 15"
	if got := strings.ReplaceAll(strings.TrimSpace(string(content)), "\n", "|"); got != want {
		t.Errorf("hooks ran: %s, want %s", got, want)
	}
}
