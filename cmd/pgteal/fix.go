package main

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/upgrade"
)

// fix asks which findings are to be mended, mends them, and returns what it did. With yes it does not ask.
func (c *cli) fix(ctx context.Context, u *upgrade.Upgrade, findings []finding.Finding, yes bool) (made []finding.Repair, err error) {
	var mendable []finding.Finding
	for _, f := range findings {
		same := func(other finding.Finding) bool { return *other.Repair == *f.Repair }
		if f.Repair != nil && !slices.ContainsFunc(mendable, same) {
			mendable = append(mendable, f)
		}
	}
	fmt.Fprintf(c.stderr, "%d of %d findings can be mended while blue serves.\n", len(mendable), len(findings))
	agreed, err := c.agree(ctx, mendable, yes)
	if err != nil {
		return []finding.Repair{}, err
	}
	made, err = u.Repair(ctx, agreed)
	restart := ""
	if slices.ContainsFunc(made, func(r finding.Repair) bool { return r.Restart }) {
		restart = " Settings take effect when you restart blue; pgteal never does."
	}
	fmt.Fprintf(c.stderr, "%d mended.%s\n", len(made), restart)
	if made == nil {
		made = []finding.Repair{} // in JSON a list
	}
	return made, err
}

// agree returns the repairs that the operator agrees to.
func (c *cli) agree(ctx context.Context, mendable []finding.Finding, yes bool) (agreed []finding.Repair, err error) {
	lines := c.lines()
	for i, f := range mendable {
		if !yes {
			fmt.Fprint(c.stderr, printable(fmt.Sprintf("%d/%d  %s  (%s)\n  %s\n  do:        %s;\n  take back: %s;\n",
				i+1, len(mendable), f.Object, f.Check, f.Reason, f.Repair.SQL, f.Repair.Undo)))
			switch answer, err := c.ask(ctx, lines); {
			case err != nil:
				return nil, err
			case answer == "a":
				yes = true
			case answer == "n":
				continue
			case answer == "q":
				return agreed, nil
			}
		}
		agreed = append(agreed, *f.Repair)
	}
	return agreed, nil
}

// lines reads what the operator types, for as long as somebody takes it.
func (c *cli) lines() <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(c.stdin); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	return lines
}

// ask returns y, n, a or q. Whoever says nothing more wants no more.
func (c *cli) ask(ctx context.Context, lines <-chan string) (string, error) {
	for {
		fmt.Fprint(c.stderr, "  do it? [y]es, [n]o, [a]ll, [q]uit: ")
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case line, more := <-lines:
			if !more {
				return "q", nil
			}
			answer := strings.ToLower(strings.TrimSpace(line))
			for _, word := range []string{"yes", "no", "all", "quit"} {
				if answer == word || answer == word[:1] {
					return word[:1], nil
				}
			}
		}
	}
}
