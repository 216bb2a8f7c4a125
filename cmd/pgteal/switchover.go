package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/switchover"
	"github.com/pgteal/pgteal/internal/upgrade"
)

func (c *cli) switchover() *cobra.Command {
	return c.mover(direction{
		use: "switchover", short: "Move the writers to green, or leave them on blue as if nothing had happened",
		move:   (*upgrade.Upgrade).Switchover,
		dryRun: (*upgrade.Upgrade).DryRun,
		moved:  "Green serves.",
		next:   "Blue is closed to clients and follows green. Next: pgteal finish when you are content, or pgteal rollback.",
	})
}

func (c *cli) rollback() *cobra.Command {
	return c.mover(direction{
		use: "rollback", short: "Move the writers back to blue, with every write that green took",
		move:   (*upgrade.Upgrade).Rollback,
		dryRun: (*upgrade.Upgrade).RollbackDryRun,
		moved:  "Blue serves again.",
		next:   "Green is closed to clients and follows blue. Next: pgteal switchover to move again, or pgteal abort to give the upgrade up.",
	})
}

// direction is a command that moves the writers.
type direction struct {
	use, short  string
	move        func(*upgrade.Upgrade, context.Context) error
	dryRun      func(*upgrade.Upgrade, context.Context) ([]finding.Finding, switchover.Attempt, error)
	moved, next string // what is said in the end
}

func (c *cli) mover(d direction) *cobra.Command {
	var dryRun bool
	var maxPause time.Duration
	var force []string
	command := &cobra.Command{
		Use: d.use, Short: d.short,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(u *upgrade.Upgrade) error {
				if cmd.Flags().Changed("max-pause") {
					if err := u.LimitPause(maxPause); err != nil {
						return fault.New(fault.Usage, err, "")
					}
				}
				if err := u.Force(force); err != nil {
					return fault.New(fault.Usage, err, "")
				}
				if dryRun {
					return c.dryRun(cmd.Context(), u, d)
				}
				if err := d.move(u, cmd.Context()); err != nil {
					return err
				}
				if c.json {
					return c.print(u.Report())
				}
				c.showMove(u.Report().Switchover, d)
				return nil
			})
		},
	}
	command.Flags().BoolVar(&dryRun, "dry-run", false, "look at every guardrail, show the expected pause, and stop there")
	command.Flags().DurationVar(&maxPause, "max-pause", config.DefaultMaxPause, "longest time for which writes are held; overrides the configuration")
	command.Flags().StringSliceVar(&force, "force", nil, "override a guardrail, by its `name`; those that keep data from being lost cannot be")
	return command
}

func (c *cli) dryRun(ctx context.Context, u *upgrade.Upgrade, d direction) error {
	findings, attempt, err := d.dryRun(u, ctx)
	if err != nil {
		return err
	}
	document := map[string]any{"expected_pause_ms": attempt.ExpectedPauseMS, "expected_ms": attempt.ExpectedMS}
	if len(findings) == 0 && !c.json {
		for _, phase := range switchover.Phases() {
			if ms, ok := attempt.ExpectedMS[phase]; ok {
				fmt.Fprintf(c.stdout, "  %-10s %7.1f ms expected\n", phase, ms)
			}
		}
	}
	return c.showFindings(findings, document, finding.Switchover,
		fmt.Sprintf("Expected pause: %.0f ms, beside what clients' open transactions take. Next: pgteal %s.", attempt.ExpectedPauseMS, d.use))
}

// showMove shows what an attempt took.
func (c *cli) showMove(attempt *switchover.Attempt, d direction) {
	fmt.Fprintf(c.stdout, "%s Writes paused for %.0f ms:\n", d.moved, attempt.PauseMS)
	c.showPhases(attempt)
	if attempt.TurnLSN == 0 {
		fmt.Fprintf(c.stdout, "%s does not follow: there is no way back.\n", attempt.From)
		return
	}
	fmt.Fprintln(c.stdout, d.next)
}

func (c *cli) showPhases(attempt *switchover.Attempt) {
	for _, phase := range switchover.Phases() {
		if ms, ok := attempt.PhasesMS[phase]; ok {
			fmt.Fprintf(c.stdout, "  %-10s %7.1f ms  %s\n", phase, ms, attempt.Waited[phase])
		}
	}
}
