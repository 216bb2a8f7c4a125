package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/upgrade"
)

// checks is what the operator wants of the command check.
type checks struct {
	fix, yes, rehearse, parameters, explain bool
}

func (c *cli) check() *cobra.Command {
	var wanted checks
	command := &cobra.Command{
		Use:   "check",
		Short: "Find what stands in the way of the upgrade, and what mends it",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := wanted.usable(c.json); err != nil {
				return err
			}
			if wanted.explain {
				fmt.Fprint(c.stdout, explanation())
				return nil
			}
			return c.with(cmd.Context(), func(u *upgrade.Upgrade) error {
				if wanted.parameters {
					return c.parameters(cmd.Context(), u)
				}
				return c.checked(cmd.Context(), u, wanted)
			})
		},
	}
	flags := command.Flags()
	flags.BoolVar(&wanted.fix, "fix", false, "mend what blocks and can be mended while blue serves; asks for each; abort and finish take it back")
	flags.BoolVar(&wanted.yes, "yes", false, "with --fix: do not ask")
	flags.BoolVar(&wanted.rehearse, "rehearse", false, "ask pg_upgrade itself about blue, and restore blue's schema in an empty cluster of the new version")
	flags.BoolVar(&wanted.parameters, "parameters", false, "show what replication stands on in blue's settings: what is, what is used, what is needed")
	flags.BoolVar(&wanted.explain, "explain", false, "say of every check what it is there for")
	return command
}

func (w checks) usable(json bool) error {
	switch {
	case w.yes && !w.fix:
		return fault.New(fault.Usage, errors.New("--yes belongs to --fix"), "pgteal check --fix --yes")
	case w.explain && (w.parameters || w.fix || w.rehearse || json), w.parameters && (w.fix || w.rehearse):
		return fault.New(fault.Usage, errors.New("--explain and --parameters each go alone, --explain without --json"), "pgteal help check")
	case w.fix && json && !w.yes:
		return fault.New(fault.Usage, errors.New("--json leaves nowhere to ask"), "pgteal check --fix --yes --json")
	}
	return nil
}

// checked shows what a check found, and with --fix what is left of it then.
func (c *cli) checked(ctx context.Context, u *upgrade.Upgrade, wanted checks) error {
	result, err := u.Check(ctx)
	document := map[string]any{}
	if wanted.fix && err == nil {
		var made []finding.Repair
		if made, err = c.fix(ctx, u, result.Findings, wanted.yes); err == nil {
			result, err = u.Check(ctx)
		}
		document["repaired"] = made
	}
	findings := result.Findings
	if wanted.rehearse && err == nil {
		var more []finding.Finding
		more, err = u.Rehearse(ctx)
		findings = append(findings, more...)
		finding.Sort(findings)
	}
	if err != nil { // what was found all the same is worth knowing
		if !c.json {
			c.listFindings(findings)
		}
		if fault.HintOf(err) == "" {
			err = fault.WithHint(err, "Mend that, then run pgteal check again: not everything was looked at.")
		}
		return err
	}
	document["inventory"] = result.Inventory
	if !c.json {
		for _, line := range result.Inventory.Lines() {
			fmt.Fprintln(c.stdout, line)
		}
		fmt.Fprintln(c.stdout)
	}
	return c.showFindings(findings, document, finding.Upgrade, "pgteal plan shows what will be done; pgteal prepare does it.")
}
