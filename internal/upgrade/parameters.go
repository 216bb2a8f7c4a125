package upgrade

import (
	"context"
	"fmt"
	"strings"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/progress"
)

// Parameters returns what replication between blue and green stands on in blue's settings: what is, and what is needed. It changes nothing.
func (u *Upgrade) Parameters(ctx context.Context) ([]check.Parameter, error) {
	return check.Parameters(ctx, u.target())
}

// parameters sees that blue's parameters have room for what the next steps make. The check has sized them; between it and now
// somebody may have taken the room. What needs a restart is said there and left to the operator.
func (u *Upgrade) parameters(ctx context.Context, step *progress.Step) error {
	all, err := u.Parameters(ctx)
	if err != nil {
		return err
	}
	var said []string
	var findings []finding.Finding
	for _, p := range all {
		if p.WayBack {
			continue
		}
		if p.Used != nil {
			said = append(said, fmt.Sprintf("%s = %s (%s needed beside %d)", p.Name, p.Value, p.Needed, *p.Used))
		} else {
			said = append(said, fmt.Sprintf("%s = %s%s", p.Name, p.Value, p.Unit))
		}
		if p.Finding != nil {
			findings = append(findings, *p.Finding)
		}
	}
	if blocking := finding.Blocking(findings, finding.Upgrade); len(blocking) > 0 {
		return finding.Forbid(blocking)
	}
	step.Say(strings.Join(said, ", "))
	return nil
}
