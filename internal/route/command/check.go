package command

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/route"
)

// Check finds a program that cannot be run, asks it for what it finds itself, and tries whether it can tell where it leads.
func (c *Command) Check(ctx context.Context) ([]finding.Finding, error) {
	var findings []finding.Finding
	if _, err := exec.LookPath(c.run[0]); err != nil {
		findings = append(findings, c.found(finding.Switchover, "It cannot be run: "+err.Error()+".",
			fmt.Sprintf("Put the program there and make it executable: chmod +x %s", c.run[0])))
		return findings, ctx.Err()
	}
	if _, err := c.call(ctx, actionCheck, route.Endpoint{}); err != nil && !errors.Is(err, errUnsupported) {
		findings = append(findings, c.found(finding.Switchover, "The program's own check says: "+err.Error()+".", fault.HintOf(err)))
	}
	where, err := c.Where(ctx)
	switch {
	case err != nil:
		findings = append(findings, c.found(finding.Switchover, "It does not say where it leads: "+err.Error()+".", fault.HintOf(err)))
	case where == nil:
		findings = append(findings, c.found(finding.Nothing, "It cannot say where it leads, so pgteal cannot show whether `point` has worked.",
			fmt.Sprintf("Let %s answer `where`, or look yourself.", filepath.Base(c.run[0]))))
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return findings, nil
}

func (c *Command) found(blocks finding.Blocks, reason, fix string) finding.Finding {
	return finding.Finding{Check: "command", Blocks: blocks, Object: c.Name(), Reason: reason, Fix: fix}
}
