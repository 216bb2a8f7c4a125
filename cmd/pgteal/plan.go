package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pgteal/pgteal/internal/upgrade"
)

func (c *cli) plan() *cobra.Command {
	return &cobra.Command{
		Use:   "plan",
		Short: "Show the steps with the SQL and commands that each will issue; nothing is changed",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(u *upgrade.Upgrade) error {
				steps, err := u.Plan(cmd.Context())
				if err != nil {
					return err
				}
				if c.json {
					return c.print(map[string]any{"steps": steps})
				}
				for i, step := range steps {
					fmt.Fprintf(c.stdout, "%2d  %-13s %-9s %s\n", i+1, step.Name, step.On, step.Does)
					for _, action := range step.Actions {
						fmt.Fprintln(c.stdout, "      "+strings.ReplaceAll(strings.TrimSpace(action), "\n", "\n        "))
					}
				}
				return nil
			})
		},
	}
}
