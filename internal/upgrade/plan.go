package upgrade

import (
	"context"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// The names of the steps. They never change once released: journals hold them.
const (
	stepCheck      = "check"
	stepParameters = "parameters"
	stepPublish    = "publish"
	stepSlot       = "slot"
	stepClone      = "clone"
	stepCloneLSN   = "clone LSN"
	stepClean      = "clean clone"
	stepUpgrade    = "upgrade"
	stepSettle     = "settle green"
	stepSubscribe  = "subscribe"
	stepCatchUp    = "catch up"
	stepVerify     = "verify"
	stepSwitchover = "switchover"
	stepWatch      = "watch"
	stepFinish     = "finish"
)

// Step is one step of the plan. It can be repeated: a step that was cut off anywhere is run again and completes what is missing.
type Step struct {
	Name string
	On   string // where it acts: blue, provider, clone, green or both
	Does string // one line for people

	run     func(*Upgrade, context.Context, *progress.Step) error
	undo    func(*Upgrade, context.Context, *progress.Step) error                  // nil where there is nothing to undo
	actions func(*Upgrade, context.Context, []postgres.Database) ([]string, error) // the SQL, commands and calls that it will issue
}

// Plan is the whole upgrade, in the order in which it happens.
func Plan() []Step {
	return []Step{
		{stepCheck, "blue", "look for everything that would stop the upgrade", (*Upgrade).check, (*Upgrade).uncheck, nil},
		{stepParameters, "blue", "read and size the parameters; blue is never restarted", (*Upgrade).parameters, nil, nil},
		{stepPublish, "blue", "publish all tables, in each database", (*Upgrade).publish, (*Upgrade).unpublish, (*Upgrade).publishActions},
		{stepSlot, "blue", "create a replication slot in each database, before the clone", (*Upgrade).slot, (*Upgrade).undoSlots, (*Upgrade).slotActions},
		{stepClone, "provider", "clone blue, copy-on-write where the storage can", (*Upgrade).clone, (*Upgrade).discard, providerActions(stepClone)},
		{stepCloneLSN, "clone", "find the exact end of WAL in the clone", (*Upgrade).cloneLSN, nil, providerActions(stepCloneLSN)},
		{stepClean, "clone", "drop what the clone inherited and must not use", (*Upgrade).clean, nil, (*Upgrade).cleanActions},
		{stepUpgrade, "clone", "upgrade the clone: it is green from here on", (*Upgrade).upgradeClone, nil, providerActions(stepUpgrade)},
		{stepSettle, "green", "settings, extensions, statistics and collations, closed to clients", (*Upgrade).settle, nil, (*Upgrade).settleActions},
		{stepSubscribe, "green", "replicate from the clone LSN on, in each database", (*Upgrade).subscribe, nil, (*Upgrade).subscribeActions},
		{stepCatchUp, "both", "wait until green has everything blue has", (*Upgrade).catchUp, nil, nil},
		{stepVerify, "both", "compare every row of every table while both run", (*Upgrade).verify, nil, nil},
		{stepSwitchover, "both", "move the writers to green", (*Upgrade).switchover, nil, (*Upgrade).switchoverActions},
		{stepWatch, "both", "see that green takes writes and blue takes none", (*Upgrade).watch, nil, nil},
		{stepFinish, "both", "retire blue, keep its files, remove everything pgteal made", (*Upgrade).finish, nil, (*Upgrade).finishActions},
	}
}

// between returns the steps of the plan from first to last, both included.
func between(first, last string) (steps []Step) {
	for _, step := range Plan() {
		if step.Name == first {
			first = ""
		}
		if first == "" {
			steps = append(steps, step)
		}
		if step.Name == last {
			return steps
		}
	}
	return steps
}
