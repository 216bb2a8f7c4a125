package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/demo"
	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/term"
)

func (c *cli) demo() *cobra.Command {
	options := demo.Options{Writers: 8, Guard: guardOf}
	command := &cobra.Command{
		Use:   "demo",
		Short: "Run the whole upgrade on throw-away clusters, under live writers, ending in a proof",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if options.Provider != config.ProviderLocal && options.Provider != config.ProviderAurora {
				return fault.New(fault.Usage, fmt.Errorf("--provider: there is no demo for %q", options.Provider), "--provider local, or --provider aurora")
			}
			if options.Scale < 1 || options.Writers < 1 {
				return fault.New(fault.Usage, fmt.Errorf("--scale and --writers must be at least 1"), "pgteal help demo")
			}
			majors, err := demo.Majors()
			if err != nil {
				return err
			}
			if options.To == 0 {
				options.To = majors[len(majors)-1]
			}
			if options.From == 0 {
				options.From = majors[0]
			}
			r, err := demo.Run(cmd.Context(), options, term.NewLines(c.stderr).Show)
			if err != nil {
				return err
			}
			if c.json {
				return c.print(r)
			}
			c.showDemo(r)
			return nil
		},
	}
	flags := command.Flags()
	flags.IntVar(&options.From, "from", 0, "major version of blue (default: the oldest on this host)")
	flags.IntVar(&options.To, "to", 0, "major version of green (default: the newest on this host)")
	flags.IntVar(&options.Scale, "scale", 1, "size of the data; 1 is about 200,000 rows")
	flags.IntVar(&options.Writers, "writers", options.Writers, "clients that write through PgBouncer all the time")
	flags.BoolVar(&options.Keep, "keep", false, "leave both clusters running, with the commands to look at them")
	flags.StringVar(&options.Provider, "provider", config.ProviderLocal, "where the clusters live: local, or aurora in a simulator of AWS")
	return command
}

func (c *cli) showDemo(r demo.Report) {
	out := c.stdout
	fmt.Fprintf(out, "\nPostgreSQL %s was upgraded to %s under %d writers' load, %d databases.\n\n",
		r.FromVersion, r.ToVersion, len(r.Clients.Writers), r.Databases)
	size := ""
	if r.Clone.Bytes > 0 { // a cloud does not tell
		size = ", " + term.Amount(r.Clone.Bytes, "bytes")
	}
	fmt.Fprintf(out, "clone         %s%s in %.2f s\n", r.Clone.Method, size, r.Clone.Seconds)
	fmt.Fprintf(out, "preparation   %.1f s, while blue served as before\n", r.PrepareSeconds)
	fmt.Fprintf(out, "comparison    %d tables, %d rows: %d differences\n", r.Verify.Tables, r.Verify.Rows, r.Verify.Mismatches)
	fmt.Fprintf(out, "writes paused %.0f ms\n", r.Switchover.PauseMS)
	c.showPhases(r.Switchover)
	fmt.Fprintf(out, "\nclients, from their own logs:\n")
	fmt.Fprintf(out, "  acknowledged %d, lost %d, repeated %d, failed %d\n", r.Clients.Acknowledged, r.Clients.Lost, r.Clients.Duplicated, r.Clients.Errors)
	fmt.Fprintf(out, "  slowest %.0f ms, median %.1f ms; first write on green %.0f ms after the pause began\n",
		r.Clients.MaxLatencyMS, r.Clients.P50LatencyMS, r.Clients.FirstOnGreenMS)
	for _, line := range r.Kept {
		fmt.Fprintln(out, line)
	}
}
