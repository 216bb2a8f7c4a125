package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/upgrade"
)

func (c *cli) verify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Compare every row of every table of blue and green, exactly, while both run",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(u *upgrade.Upgrade) error {
				report, err := u.Verify(cmd.Context())
				if err != nil {
					return err
				}
				if c.json {
					err = c.print(report)
				} else {
					for _, d := range report.Differences {
						fmt.Fprintln(c.stdout, d)
					}
					for _, n := range report.NotChecked {
						fmt.Fprintf(c.stdout, "not compared: %s in database %q: %s\n", n.Object, n.Database, n.Reason)
					}
					fmt.Fprintf(c.stdout, "%d tables, %d rows, %d differences, in %.1f s; writers waited %.0f ms at most\n",
						report.Tables, report.Rows, report.Mismatches, report.Seconds, report.LongestBlockMS)
				}
				if err == nil && report.Mismatches > 0 {
					return fault.New(fault.Forbidden, errSaid, "")
				}
				return err
			})
		},
	}
}
