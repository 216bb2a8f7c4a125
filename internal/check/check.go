// Package check finds what stands in the way of an upgrade, by asking blue. Nothing is written to blue.
package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
)

// Target is the upgrade that is wanted.
type Target struct {
	Blue      *postgres.Server
	Upgrade   string              // the upgrade's id: what bears it on blue is pgteal's own
	Databases []postgres.Database // those whose tables are carried over; nil: as Blue.Databases has them
	To        int                 // the major version wanted
	Programs  pgctl.Programs      // those of To; the zero value where they are out of reach: what needs them is then not checked

	LongTransaction time.Duration // the age from which on a transaction is worth a word; 0: DefaultLongTransaction
}

// Check is one thing that pgteal knows about a blue before it touches it.
type Check struct {
	Name   string         // in kebab case; it never changes once released
	Blocks finding.Blocks // what the gravest of its findings blocks
	Why    string         // what goes wrong when nobody looks; for the documentation
	Scope  Scope          // in which databases it runs
	Run    func(context.Context, *Session) ([]finding.Finding, error)
}

// Scope says in which of blue's databases a check runs.
type Scope int

// The scopes of checks.
const (
	Cluster    Scope = iota // once, in the maintenance database
	Replicated              // in every database whose tables are carried over
	Upgraded                // in every database that pg_upgrade visits: templates too
	Last                    // once, in the maintenance database, when all others have run
)

// parallel is how many databases are looked at a time, each in a session of its own.
const parallel = 3

// Result is what a run of all checks came to.
type Result struct {
	Findings  []finding.Finding // in the order of finding.Sort
	Inventory Inventory
}

// Run runs all checks, and counts what is there. What pgteal itself made on blue is never found, so Run can be repeated at any point of an
// upgrade. The error names every check that could not be run, and the findings are then those of the others.
func Run(ctx context.Context, t Target) (Result, error) {
	cluster, err := openCluster(ctx, t)
	if err != nil {
		return Result{}, err
	}
	defer cluster.close()
	if cluster.Major < pgctl.Oldest { // the others ask for what its catalogs do not have
		found, err := version(ctx, cluster)
		return Result{Findings: found}, err
	}
	places, err := cluster.places(ctx)
	if err != nil {
		return Result{}, err
	}

	var r results
	var g errgroup.Group
	g.SetLimit(parallel)
	g.Go(func() error { r.add(cluster.run(ctx, Cluster)); return nil })
	for _, place := range places {
		g.Go(func() error {
			s, err := open(ctx, cluster.Target, place.Name, cluster)
			if postgres.SQLState(err) == "3D000" { // invalid_catalog_name: it has been dropped meanwhile
				return nil
			}
			if err != nil {
				r.add(nil, err)
				return nil
			}
			defer s.close()
			r.add(s.run(ctx, place.Scopes...))
			if slices.Contains(place.Scopes, Replicated) {
				r.count(s.inventory(ctx))
			}
			return nil
		})
	}
	_ = g.Wait() // no goroutine of it returns an error: they are all in r
	r.add(cluster.run(ctx, Last))
	finding.Sort(r.findings)
	return Result{Findings: r.findings, Inventory: r.inventory}, errors.Join(r.errs...)
}

// openCluster opens the session for what concerns the whole cluster, in the maintenance database, and completes t with blue's databases.
func openCluster(ctx context.Context, t Target) (*Session, error) {
	if t.Databases == nil {
		databases, err := t.Blue.Databases(ctx)
		if err != nil {
			return nil, err
		}
		t.Databases = databases
	}
	maintenance, err := t.Blue.MaintenanceDatabase(ctx)
	if err != nil {
		return nil, err
	}
	return open(ctx, t, maintenance, nil)
}

// run runs the checks of scopes one after the other.
func (s *Session) run(ctx context.Context, scopes ...Scope) ([]finding.Finding, error) {
	var r results
	for _, scope := range scopes {
		for _, check := range in(scope) {
			found, err := check.Run(ctx, s)
			for i := range found {
				found[i].Check = check.Name
				if scope == Replicated || scope == Upgraded {
					found[i].Database = s.name
				}
				if r := found[i].Repair; r != nil {
					r.Database = found[i].Database
				}
				if found[i].Blocks == finding.Nothing || !s.mayRepair {
					found[i].Repair = nil
				}
			}
			if err != nil {
				err = fmt.Errorf("check %s on %s, database %s: %w", check.Name, s.Blue.Name, s.Database, err)
			}
			r.add(found, err)
			if s.conn.IsClosed() {
				err := fmt.Errorf("the session in database %s of %s is gone, so not all checks ran there", s.Database, s.Blue.Name)
				return r.findings, errors.Join(append(r.errs, err)...)
			}
		}
	}
	return r.findings, errors.Join(r.errs...)
}

// in returns the checks of a scope.
func in(scope Scope) (checks []Check) {
	for _, group := range All {
		for _, check := range group.Checks {
			if check.Scope == scope {
				checks = append(checks, check)
			}
		}
	}
	return checks
}

// results gathers what checks found, from several goroutines.
type results struct {
	mu        sync.Mutex
	findings  []finding.Finding
	inventory Inventory
	errs      []error
}

func (r *results) count(of Inventory, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inventory.add(of)
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

func (r *results) add(findings []finding.Finding, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.findings = append(r.findings, findings...)
	if err != nil {
		r.errs = append(r.errs, err)
	}
}
