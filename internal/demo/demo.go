// Package demo runs the whole upgrade on throw-away clusters, under live writers, and ends in a proof.
package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/parts"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/upgrade"
)

// Options say what demo to run.
type Options struct {
	Provider string // config.ProviderLocal or, in a simulator of AWS, config.ProviderAurora
	From, To int    // major versions
	Scale    int    // of the data; 1 is about 200,000 rows
	Writers  int    // that write through PgBouncer all the time
	Keep     bool   // leave both clusters and PgBouncer running; those of a simulator until ctx ends

	Guard func(configFile string) upgrade.Guard // nil: none
}

// Clients is what the writers saw, from their own logs.
type Clients struct {
	audit.Verdict
	FirstOnGreenMS float64 `json:"first_on_green_ms"` // from the beginning of the pause to the first acknowledgement by green
}

// Report is the report of a demo.
type Report struct {
	upgrade.Report
	Clients Clients  `json:"clients"`
	Kept    []string `json:"kept,omitempty"` // commands with which to look at what was left running
}

// steady is how long the writers write before anything happens, and again after the switchover.
const steady = 2 * time.Second

// Run runs a demo. It fails when anything acknowledged was lost or repeated, or when the clusters differ.
func Run(ctx context.Context, options Options, report progress.Reporter) (r Report, err error) {
	s := newStage(options, report)
	defer func() {
		if !options.Keep || !s.place.outlives() {
			err = errors.Join(err, s.clear())
		}
	}()
	if err := s.build(ctx); err != nil {
		return r, err
	}
	load, err := audit.Start(ctx, s.writers()...)
	if err != nil {
		return r, err
	}
	defer load.Stop() //nolint:errcheck // on the way out of a failure; else it was stopped before
	if err := wait(ctx, steady); err != nil {
		return r, err
	}

	u, err := s.upgrade(ctx)
	if u != nil {
		defer u.Close()
		r.Report = u.Report()
	}
	if err != nil {
		return r, err
	}
	if err := wait(ctx, steady); err != nil {
		return r, err
	}
	if err := load.Stop(); err != nil {
		return r, fmt.Errorf("a writer could not keep its log: %w", err)
	}
	if r.Clients, err = s.judge(ctx, u); err != nil {
		return r, err
	}
	if options.Keep {
		r.Kept = s.place.look()
		s.keep(ctx, r.Kept)
	} else if err := u.Finish(ctx); err != nil {
		return r, err
	}
	r.Report = u.Report()
	return r, r.damage()
}

// damage is an error when the demo did not prove what it is there to prove.
func (r *Report) damage() error {
	if r.Verify == nil || r.Verify.Mismatches > 0 {
		return errors.New("the clusters differ")
	}
	if damage := r.Clients.Damage(); damage != "" {
		return errors.New(damage)
	}
	return nil
}

// upgrade does what an operator does: check, prepare, switchover.
func (s *stage) upgrade(ctx context.Context) (*upgrade.Upgrade, error) {
	file := s.file()
	if err := os.WriteFile(file, []byte(s.config()), 0o600); err != nil {
		return nil, err
	}
	cfg, err := config.Load(file)
	if err != nil {
		return nil, err
	}
	p, err := parts.Of(ctx, cfg, s.report)
	if err != nil {
		return nil, err
	}
	if s.options.Guard != nil {
		p.Guard = s.options.Guard(file)
	}
	u, err := upgrade.Open(ctx, p)
	if err != nil {
		return nil, err
	}
	found, err := u.Check(ctx)
	if err == nil {
		if blocking := finding.Blocking(found.Findings, finding.Upgrade); len(blocking) > 0 {
			err = finding.Forbid(blocking)
		}
	}
	if err == nil {
		err = u.Prepare(ctx)
	}
	if err == nil {
		err = u.Switchover(ctx)
	}
	return u, errors.Join(err, u.WriteReport())
}

// judge holds the writers' logs against green.
func (s *stage) judge(ctx context.Context, u *upgrade.Upgrade) (c Clients, err error) {
	green, err := s.place.openGreen(ctx)
	if err != nil {
		return c, err
	}
	if c.Verdict, err = audit.Judge(ctx, s.logs(), green, s.databases); err != nil {
		return c, fmt.Errorf("judge the writers' logs: %w", err)
	}
	attempt := u.Report().Switchover
	first, found, err := audit.FirstAck(s.logs(), func(a audit.Ack) bool { return a.Server/10000 == s.options.To })
	if err == nil && found {
		paused := attempt.Began.Add(time.Duration(attempt.PauseBeganMS * float64(time.Millisecond)))
		c.FirstOnGreenMS = float64(first.At.Sub(paused).Microseconds()) / 1000
	}
	return c, err
}

// keep shows the commands and waits for the end of ctx, where what is left running would end with this process.
func (s *stage) keep(ctx context.Context, commands []string) {
	if s.place.outlives() {
		return
	}
	step := s.report.Step(stepDemo)
	for _, command := range commands {
		step.Say(command)
	}
	<-ctx.Done()
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Majors returns the majors that a demo can run between on this host, or an error that says how to get them.
func Majors() ([]int, error) {
	majors := pgctl.Installed()
	if len(majors) < 2 {
		return majors, fault.New(fault.Usage, fmt.Errorf("a demo needs two major versions of PostgreSQL, this host has %v", majors),
			"scripts/get-postgres 15 18 pgbouncer brings them without touching the system; make demo does it for you.")
	}
	return majors, nil
}

func (s *stage) clear() error {
	if s.bouncer != nil {
		s.bouncer.Stop()
	}
	failed := s.place.clear()
	if s.directory != "" {
		failed = errors.Join(failed, os.RemoveAll(s.directory))
	}
	return failed
}
