package upgrade

import (
	"context"
	"fmt"
	"slices"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/progress"
)

// target is what checks of blue look at.
func (u *Upgrade) target() check.Target {
	return check.Target{Blue: u.blue(), Upgrade: u.state.ID, To: u.config.To, Programs: u.provider.Programs()}
}

// Check looks at blue, at what the provider needs and at the routes. It changes nothing.
func (u *Upgrade) Check(ctx context.Context) (check.Result, error) {
	result, err := check.Run(ctx, u.target())
	if err != nil {
		return result, err
	}
	more, err := u.provider.Check(ctx, u.blue())
	if err != nil {
		return result, err
	}
	result.Findings = append(append(result.Findings, more...), u.checkHooks()...)
	for _, r := range u.routes {
		more, err := r.Check(ctx)
		if err != nil {
			return result, fmt.Errorf("check the route %s: %w", r.Name(), err)
		}
		result.Findings = append(result.Findings, more...)
	}
	finding.Sort(result.Findings)
	return result, nil
}

// Rehearse tries the upgrade on an empty cluster: pg_upgrade --check, and the restore of blue's schema. Blue is only read.
func (u *Upgrade) Rehearse(ctx context.Context) ([]finding.Finding, error) {
	return u.provider.Rehearse(ctx, u.blue(), true, u.report.Step("check"))
}

// check refuses to go on with findings that block the upgrade. The others are kept for the report.
func (u *Upgrade) check(ctx context.Context, step *progress.Step) error {
	result, err := u.Check(ctx)
	if err != nil {
		return err
	}
	more, err := u.provider.Rehearse(ctx, u.blue(), false, step)
	findings := slices.Concat(result.Findings, more)
	finding.Sort(findings)
	u.state.Findings = findings
	if blocking := finding.Blocking(findings, finding.Upgrade); len(blocking) > 0 {
		return finding.Forbid(blocking)
	}
	if err != nil {
		return err
	}
	for _, f := range findings {
		step.Say(fmt.Sprintf("%s: %s: %s", f.Check, f.Object, f.Reason))
	}
	return nil
}
