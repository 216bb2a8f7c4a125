package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pgteal/pgteal/internal/upgrade"
)

func (c *cli) prepare() *cobra.Command {
	return &cobra.Command{
		Use:   "prepare",
		Short: "Do everything up to the switchover; blue serves as before",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(u *upgrade.Upgrade) error {
				if err := u.Prepare(cmd.Context()); err != nil {
					return err
				}
				if c.json {
					return c.print(u.Report())
				}
				r := u.Report()
				fmt.Fprintf(c.stdout, "Green runs PostgreSQL %s and follows blue (%s). %d tables with %d rows are the same on both.\n",
					r.ToVersion, r.FromVersion, r.Verify.Tables, r.Verify.Rows)
				for _, n := range r.Verify.NotChecked {
					fmt.Fprintf(c.stdout, "not compared: %s in database %q: %s\n", n.Object, n.Database, n.Reason)
				}
				c.showSettings(r)
				fmt.Fprintln(c.stdout, "Next: pgteal switchover --dry-run, then pgteal switchover.")
				return nil
			})
		},
	}
}

func (c *cli) abort() *cobra.Command {
	return &cobra.Command{
		Use:   "abort",
		Short: "Give the upgrade up before the switchover; blue is left as it was found",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(u *upgrade.Upgrade) error {
				nothing := u.State().Outcome == "" && len(u.State().Steps) == 0
				if err := u.Abort(cmd.Context()); err != nil {
					return err
				}
				if nothing {
					return c.ended(u, "This state directory knows of nothing that was made. What was made from another one stays: abort it from there.")
				}
				return c.ended(u, "Green is gone, and all that pgteal made on blue, which serves as before.")
			})
		},
	}
}

func (c *cli) finish() *cobra.Command {
	return &cobra.Command{
		Use:   "finish",
		Short: "End the upgrade after the switchover: retire blue, remove everything pgteal made",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(u *upgrade.Upgrade) error {
				if err := u.Finish(cmd.Context()); err != nil {
					return err
				}
				if !c.json {
					c.showSettings(u.Report())
				}
				return c.ended(u, "The upgrade is finished. "+u.Report().Blue)
			})
		},
	}
}

// showSettings names the settings and the extensions that the operator has to see to on green.
func (c *cli) showSettings(r upgrade.Report) {
	for _, s := range r.Settings {
		if s.Attention() {
			fmt.Fprintf(c.stdout, "see to this setting on green: %s: %s\n", s.Name, s.Reason)
		}
	}
	for _, e := range r.Extensions {
		fmt.Fprintf(c.stdout, "see to this extension on green: %s\n", e)
	}
}

func (c *cli) ended(u *upgrade.Upgrade, text string) error {
	if c.json {
		return c.print(u.Report())
	}
	fmt.Fprintln(c.stdout, text)
	return nil
}
