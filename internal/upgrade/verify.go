package upgrade

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/verify"
)

// verifyPatience is how long the comparison goes on trying to lock a table that is written to in long transactions.
const verifyPatience = 30 * time.Second

// Verify compares every row of every table on both sides while both run, and keeps the result for the switchover and the report.
func (u *Upgrade) Verify(ctx context.Context) (verify.Report, error) {
	if !u.state.done(stepCatchUp) {
		return verify.Report{}, u.prepared()
	}
	err := u.compare(ctx, u.report.Step(stepVerify))
	if u.state.Verified == nil {
		return verify.Report{}, err
	}
	if err == nil {
		err = u.note(ctx, stepVerify, "compared")
	}
	return *u.state.Verified, err
}

// verify is the plan's comparison: with a difference the plan does not go on.
func (u *Upgrade) verify(ctx context.Context, step *progress.Step) error {
	if err := u.compare(ctx, step); err != nil {
		return err
	}
	report := u.state.Verified
	if report.Mismatches == 0 {
		step.Say(fmt.Sprintf("%d tables, %d rows: the same; writers waited %.0f ms at most", report.Tables, report.Rows, report.LongestBlockMS))
		return nil
	}
	var named []string
	for _, d := range report.Differences[:min(10, len(report.Differences))] {
		named = append(named, d.String())
	}
	if !slices.ContainsFunc(report.Differences, func(d verify.Difference) bool { return d.Kind != verify.Schema }) {
		return fault.New(fault.Forbidden, fmt.Errorf("%d tables are not the same on blue and green:\n%s", report.Mismatches, strings.Join(named, "\n")),
			"Schema changes are not replicated. Undo the change on blue and run the same command again; or pgteal abort, and prepare again.")
	}
	return fault.New(fault.Forbidden, fmt.Errorf("blue and green differ in %d rows:\n%s", report.Mismatches, strings.Join(named, "\n")),
		"Find out what wrote to green or what triggers fire there; pgteal abort and prepare again.")
}

func (u *Upgrade) compare(ctx context.Context, step *progress.Step) error {
	if err := u.ready(ctx, step); err != nil {
		return err
	}
	report, err := verify.Run(ctx, verify.Request{
		From: u.cluster(u.state.Publisher), To: u.cluster(other(u.state.Publisher)), Databases: u.state.Databases, Patience: verifyPatience,
	}, step)
	if err != nil {
		return err
	}
	u.state.Verified = &report
	return nil
}
