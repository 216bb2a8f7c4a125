// Command pgteal upgrades a live PostgreSQL to a new major version.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/pgteal/pgteal/internal/fault"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs a command line and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &cli{stdin: stdin, stdout: stdout, stderr: stderr}
	root := c.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if errors.Is(err, errSaid) {
		return int(fault.KindOf(err))
	}
	c.say(err)
	return int(fault.KindOf(err))
}

// errSaid is the cause of errors whose reasons the command's own output has told already.
var errSaid = errors.New("see above")

// cli is what the commands share.
type cli struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	configFile     string
	json           bool
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "pgteal",
		Short: "Upgrade a live PostgreSQL to a new major version, with a pause that applications hardly notice",
		Long: `pgteal makes a copy-on-write clone of a running PostgreSQL (blue), upgrades the clone (green), lets logical
replication carry over everything written since, and then moves the writers to green within milliseconds.

  pgteal check        what stands in the way
  pgteal plan         what will be done, in SQL and commands
  pgteal prepare      everything up to the switchover; blue serves as before
  pgteal switchover   move the writers
  pgteal rollback     move them back, with everything that green took
  pgteal finish       retire blue (or, before the switchover: pgteal abort)

Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 findings or guardrails forbid it;
4 backed out, blue serves; 5 outcome unknown, the operator must look.`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions:          cobra.CompletionOptions{HiddenDefaultCmd: true},
		SuggestionsMinimumDistance: 2,
		Args: func(root *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			next := "pgteal help"
			if near := root.SuggestionsFor(args[0]); len(near) > 0 {
				next = "pgteal " + near[0]
			}
			return fault.New(fault.Usage, fmt.Errorf("there is no command %q", args[0]), next)
		},
		RunE: func(root *cobra.Command, _ []string) error { return root.Help() },
	}
	root.PersistentFlags().StringVar(&c.configFile, "config", "pgteal.yaml", "configuration file")
	root.PersistentFlags().BoolVar(&c.json, "json", false, "print one JSON document on standard output, everything else on standard error")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return fault.New(fault.Usage, err, helpOn(cmd)) })
	root.AddCommand(
		c.demo(), c.check(), c.plan(), c.prepare(), c.status(), c.verify(), c.switchover(), c.rollback(), c.finish(), c.abort(), c.guard(),
	)
	for _, command := range root.Commands() {
		command.Args = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fault.New(fault.Usage, fmt.Errorf("%s takes no arguments, it was given %q", cmd.Name(), args), helpOn(cmd))
			}
			return nil
		}
	}
	return root
}

func helpOn(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return "pgteal help"
	}
	return "pgteal help " + cmd.Name()
}

// say shows an error and what to do next.
func (c *cli) say(err error) {
	hint := fault.HintOf(err)
	if c.json {
		_ = c.print(map[string]any{"error": err.Error(), "hint": hint, "exit_code": int(fault.KindOf(err))}) // the exit code still tells
	}
	fmt.Fprintf(c.stderr, "pgteal: %v\n", err)
	if hint != "" {
		fmt.Fprintf(c.stderr, "next: %s\n", hint)
	}
}

// print writes a JSON document.
func (c *cli) print(document any) error {
	encoder := json.NewEncoder(c.stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}
