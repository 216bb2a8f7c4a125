package main

import (
	"fmt"
	"strings"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/provider/aurora"
	"github.com/pgteal/pgteal/internal/provider/local"
)

// explanation is docs/checks.md: every check, and what it is there for.
func explanation() string {
	var page strings.Builder
	page.WriteString(`# What pgteal check looks for

<!-- Made by "make docs" from the checks themselves. -->

Each finding has its object, the reason, and what mends it. One that blocks the upgrade has to be mended before ` + "`pgteal prepare`" + `, one that blocks the
switchover before ` + "`pgteal switchover`" + `. Here it is said what the gravest findings of a check block; others of it may block less.
`)
	for _, group := range check.All {
		heading(&page, group.Title)
		for _, c := range group.Checks {
			describe(&page, finding.Kind{Name: c.Name, Blocks: c.Blocks, Why: c.Why}, where[c.Scope])
		}
	}
	heading(&page, "The host, the programs, and blue as pg_upgrade sees it")
	for _, k := range local.Kinds {
		describe(&page, k, "")
	}
	heading(&page, "Amazon Aurora")
	for _, k := range aurora.Kinds {
		describe(&page, k, "")
	}
	heading(&page, "Routes and hooks")
	page.WriteString(`
Their findings begin with the route's name: [pgbouncer](pgbouncer.md), [haproxy](haproxy.md#findings), [libpq](libpq.md#what-check-finds),
[route53](route53.md#where-it-can-go-wrong), [command](command.md). A hook whose program cannot be run is found as ` + "`hooks`" + ` ([hooks](hooks.md)).
`)
	return page.String()
}

var where = map[check.Scope]string{
	check.Replicated: ", in every database whose tables are carried over",
	check.Upgraded:   ", in every database, templates too",
}

func heading(page *strings.Builder, title string) { fmt.Fprintf(page, "\n## %s\n", title) }

func describe(page *strings.Builder, k finding.Kind, where string) {
	says := "blocks the " + string(k.Blocks)
	if k.Blocks == finding.Nothing {
		says = "a note"
	}
	fmt.Fprintf(page, "\n### `%s`\n\n*%s%s.* %s\n", k.Name, says, where, strings.Join(strings.Fields(k.Why), " "))
}
