// Package provider says what pgteal asks of the place where clusters live: a host, or a cloud.
package provider

import (
	"context"
	"strings"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/route"
)

// Provider finds blue, clones it, upgrades the clone, and looks after green. Every method may be called again after it was cut
// off at any point; it then completes what is missing, or starts over where that is the only safe thing.
type Provider interface {
	// Blue returns blue's server, reached as role with its password where that is given and lets us in (pgteal's own passes the fence), and
	// else as the operator configured it. Blue runs.
	Blue(ctx context.Context, role, password string) (*postgres.Server, error)

	// Own says which upgrade the provider works for, by its random id: whatever it makes bears it, and only that is
	// ever changed or removed. It is called before everything but Blue and Endpoint, and again where another upgrade has begun.
	Own(upgrade string)

	// Programs returns the programs of the major version wanted, the zero value where they are out of reach.
	Programs() pgctl.Programs

	// Check finds what would stop the provider: programs, rights, space, ports, quotas. It changes nothing.
	Check(ctx context.Context, blue *postgres.Server) ([]finding.Finding, error)

	// Rehearse tries the upgrade on an empty cluster of the new major, which it makes and removes again: pg_upgrade --check against the running
	// blue and, with schema, the restore of blue's schema. What it cannot try is a finding that blocks nothing. Blue is only read.
	Rehearse(ctx context.Context, blue *postgres.Server, schema bool, step *progress.Step) ([]finding.Finding, error)

	// Actions lists what the provider will do in a step of the plan, as commands and calls an operator can read. It changes nothing.
	Actions(ctx context.Context, blue *postgres.Server, step string) ([]string, error)

	// Clone makes an exact copy of the running blue, private and not running afterwards. A clone that an earlier call left
	// unfinished is discarded first.
	Clone(ctx context.Context, blue *postgres.Server, step *progress.Step) (Clone, error)

	// StartClone brings the clone to the end of its WAL, lets it run privately without background jobs, and returns it with
	// the clone LSN: the exact end of the WAL that it contains. On a clone that was started before it returns the same LSN again.
	StartClone(ctx context.Context, step *progress.Step) (*postgres.Server, postgres.LSN, error)

	// Upgrade stops the clone and upgrades it: it is green from then on, and not running.
	Upgrade(ctx context.Context, blue *postgres.Server, step *progress.Step) error

	// StartGreen starts green where it does not run, at its final address, with blue's settings and closed to clients
	// (postgres.HBAClosed). What became of each setting is told by the call that carries them over; later ones tell the same, or nothing.
	StartGreen(ctx context.Context, blue *postgres.Server, step *progress.Step) (*postgres.Server, []Carried, error)

	// Complete makes green what blue is beside the data: readers, scaling, rights and notices. What cannot be carried over it says. It comes
	// once, at the end of settling green.
	Complete(ctx context.Context, step *progress.Step) error

	// Endpoint returns where routes reach green.
	Endpoint() route.Endpoint

	// Explain returns the last errors in green's server log, "" where there are none or the log is out of reach.
	Explain() string

	// Withdraw takes blue, which is closed to clients and stays so, off its clients' addresses, which before holds, by a restart. Reach reaches
	// it as pgteal's own role, wherever it listens.
	Withdraw(ctx context.Context, before postgres.Addresses, reach func(context.Context) (*postgres.Server, error)) error

	// Return brings a withdrawn blue back to its clients' addresses, closed as before.
	Return(ctx context.Context, before postgres.Addresses, reach func(context.Context) (*postgres.Server, error)) error

	// Retires tells whether Retire stops blue, "" if so, and else why not: it is left to the operator.
	Retires() (whyNot string)

	// Retire stops blue and keeps it from starting at boot, or deletes it after a final backup where that is configured. It says in words what
	// it did, and where the final backup is.
	Retire(ctx context.Context, step *progress.Step) (string, error)

	// Discard removes the clone and green with everything that the provider made for them. Nothing else is touched.
	Discard(ctx context.Context) error

	// Tidy removes what served the way to green and is no longer needed once green serves.
	Tidy(ctx context.Context) error
}

// Clone describes a finished clone.
type Clone struct {
	Method  string  `json:"method"`  // reflink, copy, basebackup, copy-on-write
	Seconds float64 `json:"seconds"` // from the start of the backup to its end
	Bytes   int64   `json:"bytes"`   // size of the files in it; 0 where that is not known
}

// Carried says what became of one of blue's settings on green.
type Carried struct {
	Name   string `json:"name"`
	Value  string `json:"value,omitempty"`
	Reason string `json:"reason,omitempty"` // why it was left out or changed; empty where it was carried over as it was
}

// Attention tells whether the operator should act on it: it was left out, or blue's archive is not green's.
func (c Carried) Attention() bool {
	return c.Value == "" || strings.HasPrefix(c.Name, "archive_") && c.Reason != ""
}
