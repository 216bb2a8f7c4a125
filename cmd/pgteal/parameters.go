package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/upgrade"
)

// parametersSQL asks blue itself, in any database.
const parametersSQL = `SELECT name, setting FROM pg_settings WHERE name in ('rds.logical_replication', 'max_replication_slots', ` +
	`'max_wal_senders', 'max_logical_replication_workers', 'max_worker_processes');`

// parameters shows what replication between blue and green stands on in blue's settings.
func (c *cli) parameters(ctx context.Context, u *upgrade.Upgrade) error {
	all, err := u.Parameters(ctx)
	if err != nil {
		return err
	}
	if c.json {
		if all == nil {
			all = []check.Parameter{}
		}
		return c.print(map[string]any{"parameters": all, "sql": parametersSQL})
	}
	table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "parameter\tvalue\tothers use\tneeded\trestart\tenough\tfor")
	for _, p := range all {
		used := "-"
		if p.Used != nil {
			used = fmt.Sprint(*p.Used)
		}
		why := p.Why
		if p.WayBack {
			why = "the way back: " + why
		}
		needed := p.Needed
		if needed == "" {
			needed = "any"
		}
		value := p.Value
		if value != "0" && value != "-1" {
			value += p.Unit
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, value, used, needed, yes(p.Restart), yes(p.Enough), why)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, p := range all {
		if p.Finding != nil {
			fmt.Fprintf(c.stdout, "\n%s: %s\n  %s\n", p.Name, p.Finding.Reason, p.Finding.Fix)
		}
	}
	fmt.Fprintf(c.stdout, "\nTo ask blue yourself:\n  %s\n", parametersSQL)
	return nil
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
