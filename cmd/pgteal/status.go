package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgteal/pgteal/internal/term"
	"github.com/pgteal/pgteal/internal/upgrade"
)

// watchEvery is how often status --watch looks again.
const watchEvery = time.Second

func (c *cli) status() *cobra.Command {
	var watch bool
	command := &cobra.Command{
		Use:   "status",
		Short: "Show where the upgrade stands and how far the cluster that follows is behind",
		RunE: func(cmd *cobra.Command, _ []string) error {
			parts, err := c.parts(cmd.Context(), nil)
			if err != nil {
				return err
			}
			tick := time.NewTicker(watchEvery)
			defer tick.Stop()
			for {
				if err := c.showStatus(cmd.Context(), parts); err != nil || !watch {
					return err
				}
				select {
				case <-cmd.Context().Done():
					return nil
				case <-tick.C:
				}
			}
		},
	}
	command.Flags().BoolVar(&watch, "watch", false, "look again every second, until interrupted")
	return command
}

func (c *cli) showStatus(ctx context.Context, parts upgrade.Parts) error {
	u, err := upgrade.Look(ctx, parts)
	if err != nil {
		return err
	}
	status := u.Status(ctx)
	if c.json {
		return c.print(status)
	}
	writeStatus(c.stdout, status)
	return nil
}

func writeStatus(out io.Writer, status upgrade.Status) {
	fmt.Fprintf(out, "upgrade %s: %s, %s serves\n", status.Upgrade, status.Outcome, status.Serving)
	for i, step := range status.Steps {
		seconds := ""
		switch {
		case step.Seconds > 0:
			seconds = fmt.Sprintf("%.1f s", step.Seconds)
		case step.State == "begun":
			seconds = fmt.Sprintf("since %s", time.Since(step.Begun).Round(time.Second))
		}
		fmt.Fprintf(out, "%2d  %-13s %-8s %s\n", i+1, step.Name, step.State, seconds)
	}
	for _, lag := range status.Lags {
		seconds := ""
		if lag.Seconds != nil {
			seconds = fmt.Sprintf("%.1f s, ", *lag.Seconds)
		}
		fmt.Fprintf(out, "lag of %s in database %q: %s, %sslot %s%s\n",
			status.Follower, lag.Database, term.Amount(lag.Bytes, "bytes"), seconds, lag.State, pace(lag))
	}
	if status.Problem != "" {
		fmt.Fprintf(out, "the lag could not be read: %s\n", status.Problem)
	}
	if status.Next != "" {
		fmt.Fprintf(out, "next: %s\n", status.Next)
	}
}

// pace says how fast a lag shrinks or grows, where it is large enough to matter.
func pace(lag upgrade.Lag) string {
	const matters = 1 << 20
	switch {
	case lag.Bytes < matters:
		return ""
	case lag.Rate > 0:
		return fmt.Sprintf(", shrinks by %s a second, %s left", term.Amount(int64(lag.Rate), "bytes"),
			time.Duration(lag.Left*float64(time.Second)).Round(time.Second))
	case lag.Rate < 0:
		return fmt.Sprintf(", grows by %s a second", term.Amount(int64(-lag.Rate), "bytes"))
	}
	return ", does not move"
}
