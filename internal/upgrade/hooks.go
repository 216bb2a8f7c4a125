package upgrade

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pgteal/pgteal/internal/command"
	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/progress"
)

// When a hook runs.
const (
	hookBefore = "before"
	hookAfter  = "after"
)

// hooks returns those that run before or after a step, in the order of the configuration.
func (u *Upgrade) hooks(when, step string) (hooks []config.Hook) {
	for _, h := range u.config.Hooks {
		if when == hookBefore && h.Before == step || when == hookAfter && h.After == step {
			hooks = append(hooks, h)
		}
	}
	return hooks
}

// runBefore runs the hooks before a step. The first that fails keeps the step from beginning. Clients never wait for a hook: an attempt
// that an earlier process left in the pause is brought to its end first. Where that moved the writers, there is no "before" any more.
func (u *Upgrade) runBefore(ctx context.Context, step string, report *progress.Step) error {
	hooks := u.hooks(hookBefore, step)
	if len(hooks) == 0 {
		return nil
	}
	if err := u.settleAttempt(ctx); err != nil || step == stepOf(u.state.serving()) {
		return err
	}
	for _, h := range hooks {
		if err := u.runHook(ctx, h, hookBefore, step, report); err != nil {
			return fault.WithHint(err, fmt.Sprintf("The step was not run, and %s serves clients as before. See to what the hook says and run the same "+
				"command again: the hooks before the step are then run again.", u.state.serving()))
		}
	}
	return nil
}

// runAfter runs the hooks after a step. What they come to changes nothing: the step is done.
func (u *Upgrade) runAfter(ctx context.Context, step string, report *progress.Step) {
	for _, h := range u.hooks(hookAfter, step) {
		if err := u.runHook(ctx, h, hookAfter, step, report); err != nil {
			report.Say(fmt.Sprintf("warning: %v. %q is done all the same; see to the hook and do yourself what it should have done.", err, step))
		}
	}
}

// runHook runs a hook and shows what it prints.
func (u *Upgrade) runHook(ctx context.Context, h config.Hook, when, step string, report *progress.Step) error {
	report.Say(hookName(h, when, step))
	prefix := filepath.Base(h.Run[0]) + ": "
	out := &command.Lines{Say: func(line string) { report.Say(prefix + line) }}
	err := command.Command{
		Program: h.Run[0], Arguments: h.Run[1:], Environment: u.hookEnvironment(when, step), Timeout: h.Limit(), Stdout: out, Stderr: out,
	}.Run(ctx)
	out.End()
	if err == nil {
		return nil
	}
	if last := out.Last(); len(last) > 0 {
		err = fmt.Errorf("%w, after it printed %q", err, strings.Join(last, "\n"))
	}
	return fmt.Errorf("%s: %w", hookName(h, when, step), err)
}

// hookName names a hook without its arguments.
func hookName(h config.Hook, when, step string) string {
	return fmt.Sprintf("hook %s %s, %s", when, step, h.Run[0])
}

// hookEnvironment is what a hook learns beside pgteal's own environment. docs/hooks.md has it.
func (u *Upgrade) hookEnvironment(when, step string) []string {
	return []string{
		"PGTEAL_UPGRADE=" + u.config.Upgrade,
		"PGTEAL_HOOK=" + when,
		"PGTEAL_STEP=" + step,
		"PGTEAL_SERVING=" + u.state.serving(),
		"PGTEAL_FROM_VERSION=" + u.state.FromVersion,
		"PGTEAL_TO_VERSION=" + cmp.Or(u.state.ToVersion, strconv.Itoa(u.config.To)),
		"PGTEAL_STATE_DIRECTORY=" + u.config.State(),
	}
}

// checkHooks finds hooks that cannot be run: better now than at their step.
func (u *Upgrade) checkHooks() (findings []finding.Finding) {
	for i, h := range u.config.Hooks {
		if _, err := exec.LookPath(h.Run[0]); err != nil {
			when, step := hookBefore, h.Before
			if h.After != "" {
				when, step = hookAfter, h.After
			}
			findings = append(findings, finding.Finding{
				Check: "hooks", Blocks: finding.Upgrade, Object: hookName(h, when, step), Reason: "It cannot be run: " + err.Error() + ".",
				Fix: fmt.Sprintf("Put the program there and make it executable (chmod +x %s), or correct hooks[%d].run in pgteal.yaml.", h.Run[0], i),
			})
		}
	}
	return findings
}

// hookActions describes the hooks of a step for the plan.
func (u *Upgrade) hookActions(when, step string) (actions []string) {
	for _, h := range u.hooks(when, step) {
		actions = append(actions, fmt.Sprintf("hook %s it, %s at most: %s", when, h.Limit(), quoted(h.Run)))
	}
	return actions
}

// quoted writes a list of arguments as a shell would take it.
func quoted(run []string) string {
	words := make([]string, 0, len(run))
	for _, word := range run {
		words = append(words, "'"+strings.ReplaceAll(word, "'", `'\''`)+"'")
	}
	return strings.Join(words, " ")
}
