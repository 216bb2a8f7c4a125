package main

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
)

// mostShown bounds how many findings of one kind are shown to people. With --json all are.
const mostShown = 10

// showFindings prints findings, in JSON as part of document, and fails with fault.Forbidden where one of them blocks what.
func (c *cli) showFindings(findings []finding.Finding, document map[string]any, what finding.Blocks, next string) error {
	blocking := finding.Blocking(findings, what)
	if c.json {
		if findings == nil {
			findings = []finding.Finding{}
		}
		document["findings"], document["blocking"] = findings, len(blocking)
		if err := c.print(document); err != nil {
			return err
		}
	} else {
		c.listFindings(findings)
		fmt.Fprintf(c.stdout, "%d findings, %d of them block the %s.\n", len(findings), len(blocking), what)
		if n := mendable(blocking); n > 0 && what == finding.Upgrade {
			fmt.Fprintf(c.stdout, "pgteal check --fix mends %d of them while blue serves, and asks for each.\n", n)
		}
	}
	if len(blocking) > 0 {
		return fault.New(fault.Forbidden, errSaid, "")
	}
	if !c.json {
		fmt.Fprintln(c.stdout, next)
	}
	return nil
}

// listFindings prints findings that are sorted. Of those that say the same it says so once.
func (c *cli) listFindings(findings []finding.Finding) {
	alike := func(a, b finding.Finding) bool {
		return a.Blocks == b.Blocks && a.Check == b.Check && a.Reason == b.Reason
	}
	for len(findings) > 0 {
		first, n := findings[0], 1
		for n < len(findings) && alike(first, findings[n]) {
			n++
		}
		fmt.Fprintf(c.stdout, "%s  %s", blocks(first.Blocks), first.Check)
		if n > 1 {
			fmt.Fprintf(c.stdout, " (%d)", n)
		}
		fmt.Fprint(c.stdout, printable(fmt.Sprintf("\n  %s\n", first.Reason)))
		for _, f := range findings[:min(n, mostShown)] {
			fmt.Fprint(c.stdout, printable(fmt.Sprintf("  %s\n      %s\n", f.Object, f.Fix)))
		}
		if n > mostShown {
			fmt.Fprintf(c.stdout, "  and %d more, which --json shows\n", n-mostShown)
		}
		findings = findings[n:]
	}
}

// printable shows control characters, which names may hold, instead of sending them to the terminal. Lines end as they do.
func printable(text string) string {
	var out strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) && r != '\n' {
			fmt.Fprintf(&out, `\x%02x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

func mendable(findings []finding.Finding) (n int) {
	for _, f := range findings {
		if f.Repair != nil {
			n++
		}
	}
	return n
}

func blocks(b finding.Blocks) string {
	if b == finding.Nothing {
		return "note:"
	}
	return "blocks the " + string(b) + ":"
}
