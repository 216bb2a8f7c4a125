package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/test/site"
)

// hooks is a program for hooks to run, with the directory in which it keeps what it has seen.
type hooks struct{ program, directory string }

// newHooks writes a program that writes down its first argument, when it was run and what it was told, and does what the file that is named
// by that says.
func newHooks(t *testing.T) hooks {
	t.Helper()
	h := hooks{directory: t.TempDir()}
	h.program = filepath.Join(h.directory, "on step")
	script := fmt.Sprintf(`#!/bin/sh
cd '%s' || exit 9
env >>env
echo "$PGTEAL_HOOK $PGTEAL_STEP: $1 $PGTEAL_UPGRADE, $PGTEAL_SERVING serves, $PGTEAL_FROM_VERSION to $PGTEAL_TO_VERSION" >>log
if [ -e "$PGTEAL_HOOK $PGTEAL_STEP" ]; then . "./$PGTEAL_HOOK $PGTEAL_STEP"; fi
`, h.directory)
	if err := os.WriteFile(h.program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return h
}

// config is a configuration with hooks such as "before clone", each with its own name as an argument.
func (h hooks) config(s *site.Site, names ...string) string {
	text := s.Config() + "hooks:\n"
	for _, name := range names {
		when, step, _ := strings.Cut(name, " ")
		text += fmt.Sprintf("  - {%s: %s, run: [%q, \"it's\"]}\n", when, step, h.program)
	}
	return text
}

// does says what a hook does from now on, in the language of the shell; "" is nothing.
func (h hooks) does(t *testing.T, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.directory, name), []byte(script+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ran returns which hooks ran since it was last asked, and what they learned.
func (h hooks) ran(t *testing.T) (lines []string) {
	t.Helper()
	file := filepath.Join(h.directory, "log")
	content, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(content), func(r rune) bool { return r == '\n' })
}

func (h hooks) wants(t *testing.T, names ...string) {
	t.Helper()
	var ran []string
	for _, line := range h.ran(t) {
		name, _, _ := strings.Cut(line, ":")
		ran = append(ran, name)
	}
	if !slices.Equal(ran, names) {
		t.Errorf("hooks ran: %q, want %q", ran, names)
	}
}

// Hooks of every command, each with a client that writes meanwhile: clients never wait for a hook, and are served by the cluster that the hook
// is told.
func TestHooksRunAroundTheirStepsWhileClientsAreServed(t *testing.T) {
	s := site.New(t, site.Options{})
	h := newHooks(t)
	var all []string
	for _, step := range []string{"clone LSN", "switchover", "watch", "rollback", "abort"} {
		all = append(all, "before "+step, "after "+step)
	}
	s.Write(t, h.config(s, all...))
	programs, err := pgctl.Find(s.To)
	if err != nil {
		t.Fatal(err)
	}
	write := fmt.Sprintf(`PGCONNECT_TIMEOUT=30 '%s' -XAtq 'host=127.0.0.1 port=%d user=%s dbname=shop sslmode=disable' \
		-c "INSERT INTO audit.probe VALUES ('hook', 1) RETURNING 'served by ' || current_setting('server_version_num')::int / 10000"`,
		programs.Path("psql"), s.Bouncer.Port, site.App)
	for _, name := range all {
		h.does(t, name, write)
	}
	quoted := "hook before it, 1m0s at most: '" + h.program + `' 'it'\''s'`
	pgteal(t, done, s, "plan").says(t, quoted, strings.Replace(quoted, "before", "after", 1))
	pgteal(t, done, s, "check")
	h.wants(t)

	o := pgteal(t, done, s, "prepare")
	o.says(t, "hook before clone LSN, "+h.program, "on step: served by 15")
	h.wants(t, "before clone LSN", "after clone LSN")
	pgteal(t, done, s, "prepare")
	pgteal(t, done, s, "switchover", "--dry-run")
	h.wants(t)

	h.does(t, "before switchover", "echo the batch runs >&2; exit 3")
	pgteal(t, failed, s, "switchover").says(t, "hook before switchover, "+h.program+": exit status 3", `printed "the batch runs"`,
		"next: The step was not run, and blue serves")
	steps, _ := at(t, pgteal(t, done, s, "status", "--json").document(t), "steps").([]any)
	for _, step := range steps {
		if step, ok := step.(map[string]any); ok && step["name"] == "switchover" && step["state"] != "waiting" {
			t.Errorf("the switchover is %v", step["state"])
		}
	}
	h.wants(t, "before switchover")
	if got := s.AsApp(t, s.Bouncer.Port, "shop", "SHOW server_version"); !strings.HasPrefix(got, "15.") {
		t.Errorf("clients are served by %s", got)
	}

	h.does(t, "before switchover", write)
	o = pgteal(t, done, s, "switchover")
	if was, is, _ := strings.Cut(o.stderr, "writes paused"); !strings.Contains(was, "served by 15") || !strings.Contains(is, "served by 18") {
		t.Errorf("the clients of the hooks were served otherwise:\n%s", o.stderr)
	}
	ran := h.ran(t)
	if want := "before switchover: it's site, blue serves, 15."; len(ran) == 0 || !strings.HasPrefix(ran[0], want) {
		t.Errorf("the hooks learned %q", ran)
	}
	if want := "after switchover: it's site, green serves, 15."; len(ran) != 4 || !strings.HasPrefix(ran[1], want) {
		t.Errorf("the hooks learned %q", ran)
	}
	noSecret(t, s, h)
	pgteal(t, done, s, "switchover")
	h.wants(t)

	h.does(t, "after rollback", "echo nobody listens; exit 1")
	pgteal(t, done, s, "rollback").says(t, "on step: served by 18", "warning: hook after rollback, "+h.program+": exit status 1", "nobody listens")
	h.wants(t, "before rollback", "after rollback")
	pgteal(t, done, s, "rollback")
	h.wants(t)

	h.does(t, "before abort", "exit 1")
	pgteal(t, failed, s, "abort").says(t, "hook before abort")
	h.wants(t, "before abort")
	h.does(t, "before abort", "")
	pgteal(t, done, s, "abort").says(t, "on step: served by 15")
	h.wants(t, "before abort", "after abort")
	pgteal(t, done, s, "abort")
	h.wants(t)
	for _, trace := range s.Traces(t, s.Blue) {
		t.Error("left on blue: ", trace)
	}
}

// noSecret sees that no hook was told the password of pgteal's role.
func noSecret(t *testing.T, s *site.Site, h hooks) {
	t.Helper()
	secret, err := os.ReadFile(filepath.Join(s.StateDirectory(), "site/secret"))
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(h.directory, "env"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	if !strings.Contains(text, "PGTEAL_STATE_DIRECTORY="+filepath.Join(s.StateDirectory(), "site")+"\n") {
		t.Error("the hooks do not learn the state directory")
	}
	if strings.Contains(text, strings.TrimSpace(string(secret))) {
		t.Error("the hooks learn the secret")
	}
}

func TestAHookThatCannotBeRunIsFoundBeforeAnythingHappens(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	found := s.Look(t)
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(filepath.Dir(plain), "missing")
	s.Write(t, fmt.Sprintf("%shooks: [{after: finish, run: [%s]}, {before: clone, run: [%s]}]\n", s.Config(), missing, plain))
	pgteal(t, forbidden, s, "check").says(t, "blocks the upgrade:", "hook after finish, "+missing, "no such file",
		"hook before clone, "+plain, "permission denied", "chmod +x")
	pgteal(t, forbidden, s, "prepare").says(t, missing, plain)
	found.Check(t, s.Look(t))
	s.Write(t, s.Config()+"hooks: [{after: lunch, run: [/bin/true]}]\n")
	pgteal(t, usage, s, "check").says(t, "hooks[0]", "lunch", "clone LSN")
}

// A step that is repeated after a crash runs its hooks again; one that was done does not.
func TestHooksAfterACrashAndWithinTheirTimeout(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	found := s.Look(t)
	h := newHooks(t)
	s.Write(t, strings.Replace(h.config(s, "before check", "after check", "before publish", "after publish", "before slot"),
		"before: slot", "timeout: 5s, before: slot", 1))
	h.does(t, "before publish", "kill -9 $PPID; exec sleep 600")
	h.does(t, "before slot", "echo waiting; sleep 600 & wait")
	pgteal(t, -1, s, "prepare")
	h.wants(t, "before check", "after check", "before publish")
	h.does(t, "before publish", "")
	pgteal(t, failed, s, "prepare").says(t, "hook before slot, "+h.program+": it took longer than its timeout of 5s and was killed", `printed "waiting"`)
	h.wants(t, "before publish", "after publish", "before slot")
	pgteal(t, done, s, "abort")
	found.Check(t, s.Look(t))
}
