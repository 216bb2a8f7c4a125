package switchover

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// guardrail is a condition checked right before the switchover. Nothing that it does is noticed by clients.
type guardrail struct {
	name        string // of its findings, and for --force
	overridable bool   // nothing can be lost without it
	look        func(context.Context, *sessions) ([]finding.Finding, error)
}

// guardrails are all of them, in the order in which they are looked at.
func (s *Switchover) guardrails() []guardrail {
	return []guardrail{
		{"databases", false, s.databasesAreTheSame},
		{"slot", false, s.slotsHold},
		{"slot-room", true, s.slotsHaveRoom},
		{"disk", true, s.disksHaveRoom},
		{"subscription", false, s.subscriptionsRun},
		{"prepared-transactions", false, s.nothingIsPrepared},
		{"long-transactions", true, s.noTransactionIsLong},
		{"idle-in-transaction", true, s.nobodyIdlesInTransaction},
		{"lag", true, s.lagIsSmall},
		{"schema-drift", false, s.schemaIsTheSame},
		{"unpublished-tables", false, s.everythingIsPublished},
		{"other-writers", false, s.onlyReplicationWrites},
		{"mismatches", false, s.verificationFoundNothing},
		{"verification", true, s.verificationIsFresh},
		{"sequence-room", true, s.sequencesHaveRoom},
		{"statistics", true, s.statisticsAreThere},
		{"fence", false, s.fencesWillHold},
		{"synchronous-standbys", true, s.commitsWillNotWait},
		{"check", false, func(ctx context.Context, _ *sessions) ([]finding.Finding, error) { return s.Look(ctx) }},
		{"way-back", true, s.wayBackIsReady},
		{"routes", false, s.routesAreReady},
	}
}

// Guardrails returns the names of all guardrails, and of those that may be overridden.
func Guardrails() (all, overridable []string) {
	for _, g := range new(Switchover).guardrails() {
		all = append(all, g.name)
		if g.overridable {
			overridable = append(overridable, g.name)
		}
	}
	return all, overridable
}

func (s *Switchover) forced(name string) bool { return slices.Contains(s.Limits.Force, name) }

// Findings looks at every guardrail and returns what forbids the switchover.
func (s *Switchover) Findings(ctx context.Context) ([]finding.Finding, Attempt, error) {
	attempt := s.newAttempt()
	ends, err := s.connect(ctx)
	if err != nil {
		return nil, attempt, err
	}
	defer ends.close()
	findings, err := s.look(ctx, ends)
	if err == nil && len(findings) == 0 {
		err = s.rehearse(ctx, ends, &attempt)
	}
	s.GiveUpWayBack(ctx)
	return findings, attempt, err
}

// ready looks at every guardrail and rehearses what the pause will do. It returns fault.Forbidden where one forbids the switchover.
func (s *Switchover) ready(ctx context.Context, ends *sessions, attempt *Attempt) error {
	findings, err := s.look(ctx, ends)
	if err != nil {
		return err
	}
	if len(findings) > 0 {
		return finding.Forbid(findings)
	}
	return s.rehearse(ctx, ends, attempt)
}

func (s *Switchover) look(ctx context.Context, ends *sessions) ([]finding.Finding, error) {
	var findings []finding.Finding
	for _, g := range s.guardrails() {
		if g.overridable && s.forced(g.name) {
			s.Step.Say("guardrail overridden: " + g.name)
			continue
		}
		found, err := g.look(ctx, ends)
		if err != nil {
			return findings, err
		}
		for i := range found {
			found[i].Check = cmp.Or(found[i].Check, g.name) // routes and the checks have names of their own
		}
		findings = append(findings, found...)
	}
	finding.Sort(findings)
	return findings, nil
}

// rehearse does everything of the pause that clients do not notice: it warms sessions and plans, brings the sequences so near that little
// is left to set, and measures what the pause will take.
func (s *Switchover) rehearse(ctx context.Context, ends *sessions, attempt *Attempt) error {
	var err error
	if attempt.Fence, err = postgres.ReadFence(ctx, ends.from); err != nil {
		return err
	}
	rehearsal := Attempt{PhasesMS: attempt.ExpectedMS, Waited: map[string]string{}}
	if err := s.carrySequences(ctx, ends, &rehearsal); err != nil { // all of them, for the first time
		return err
	}
	for _, phase := range []struct {
		name string
		do   func() error
	}{
		{"drain", func() error { return s.drain(ctx, ends, &rehearsal) }},
		{"sequences", func() error { return s.carrySequences(ctx, ends, &rehearsal) }},
		// Fencing From and opening To cost what fencing To once more does.
		{"fence", func() error { return raise(ctx, Side{Server: s.To.Server}, ends.to) }},
		{"move", func() error { return raise(ctx, Side{Server: s.To.Server}, ends.to) }},
		{"commit", func() error { _, err := postgres.Flush(ctx, ends.to); return err }},
	} {
		if err := rehearsal.measure(phase.name, phase.do); err != nil {
			return err
		}
	}
	for _, ms := range attempt.ExpectedMS {
		attempt.ExpectedPauseMS += ms
	}
	s.Step.Say(fmt.Sprintf("expected pause %.0f ms beside what clients' open transactions%s take: drain %.0f, sequences %.0f, fence and move %.0f",
		attempt.ExpectedPauseMS, s.slow(), attempt.ExpectedMS["drain"], attempt.ExpectedMS["sequences"],
		attempt.ExpectedMS["fence"]+attempt.ExpectedMS["move"]))
	return nil
}

func guard(object, reason, fix string) []finding.Finding {
	return []finding.Finding{{Blocks: finding.Switchover, Object: object, Reason: reason, Fix: fix}}
}

// startOver is what mends a difference between the two sides that nothing else does. Going back, there is no clone to make anew.
func (s *Switchover) startOver() string {
	if s.To.Endpoint == nil {
		return "stay on " + s.From.Server.Name + ", since nothing leads back without it: pgteal finish"
	}
	return "pgteal abort, and pgteal prepare again"
}

func (s *Switchover) databasesAreTheSame(ctx context.Context, _ *sessions) (findings []finding.Finding, err error) {
	now, err := s.From.Server.Databases(ctx)
	if err != nil {
		return nil, err
	}
	known := map[uint32]bool{}
	for _, d := range s.Databases {
		known[d.OID] = true
	}
	for _, d := range now {
		if !known[d.OID] {
			findings = append(findings, guard(fmt.Sprintf("database %q", d.Name),
				"It was created after the clone was made, so "+s.To.Server.Name+" does not have it.",
				"Drop it, or: "+s.startOver())...)
		}
	}
	return findings, nil
}

func (s *Switchover) verificationFoundNothing(context.Context, *sessions) ([]finding.Finding, error) {
	if s.Verification.Mismatches > 0 {
		return guard("all tables", fmt.Sprintf("The last comparison found %d differences.", s.Verification.Mismatches),
			"pgteal verify names them. Where rows differ, find out what wrote to "+s.To.Server.Name+". Then: "+s.startOver()), nil
	}
	return nil, nil
}

func (s *Switchover) verificationIsFresh(context.Context, *sessions) ([]finding.Finding, error) {
	switch v := s.Verification; {
	case v.At.IsZero():
		return guard("all tables", "The clusters have not been compared.", "pgteal verify"), nil
	case time.Since(v.At) > s.Limits.VerifyFresh:
		return guard("all tables", fmt.Sprintf("The last comparison was %s ago.", time.Since(v.At).Round(time.Minute)), "pgteal verify"), nil
	}
	return nil, nil
}

// fencesWillHold sees that both servers can read their pg_hba.conf: with an error in it, a reload changes nothing. In a cloud it sees that every
// database can be closed.
func (s *Switchover) fencesWillHold(ctx context.Context, ends *sessions) (findings []finding.Finding, err error) {
	for name, conn := range map[string]*pgx.Conn{s.From.Server.Name: ends.from, s.To.Server.Name: ends.to} {
		lines, err := postgres.HBAErrors(ctx, conn)
		if err != nil {
			return nil, err
		}
		open, err := postgres.OpenDatabases(ctx, conn)
		if err != nil {
			return nil, err
		}
		if postgres.InCloud(conn) && slices.ContainsFunc(s.Databases, func(d postgres.Database) bool { return d.Name == postgres.Door }) {
			findings = append(findings, guard("database "+postgres.Door+" of "+name,
				"It has tables, and the fence leaves it open to its owner, who has to get in somewhere should pgteal's state be lost.",
				"Move its tables to another database, and prepare again.")...)
		}
		for _, database := range open {
			findings = append(findings, guard(fmt.Sprintf("database %q of %s", database, name),
				"Role "+postgres.Role+" does not have the rights of its owner, so the fence could not close it to clients.",
				"GRANT (the owner of the database) TO "+postgres.Role+";")...)
		}
		for _, line := range lines {
			findings = append(findings, guard("pg_hba.conf of "+name,
				"The server cannot read it, so the fence would have no effect: "+line, "Mend that line.")...)
		}
	}
	return findings, nil
}

func (s *Switchover) routesAreReady(ctx context.Context, _ *sessions) (findings []finding.Finding, err error) {
	for _, r := range s.Routes {
		found, err := r.Check(ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			findings = append(findings, guard("route "+r.Name(), "It cannot be asked whether it is ready: "+err.Error()+".",
				cmp.Or(fault.HintOf(err), "See that it runs and can be reached from this host, or take it out of routes in the configuration."))...)
			continue
		}
		findings = append(findings, finding.Blocking(found, finding.Switchover)...)
	}
	return findings, nil
}
