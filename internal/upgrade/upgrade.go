// Package upgrade is the upgrade itself: its plan, the runner, the journal, and one file a step.
package upgrade

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider"
	"github.com/pgteal/pgteal/internal/route"
)

// Upgrade is one upgrade, held by one process at a time.
type Upgrade struct {
	config   *config.Config
	provider provider.Provider
	routes   []route.Route
	report   progress.Reporter
	guard    Guard

	journal Journal
	state   State

	admin        *postgres.Server // blue as the operator reaches it
	blueGone     string           // why blue cannot be reached, where green serves and nothing depends on it
	green        *postgres.Server // as pgteal's own role; set once green runs
	greenAdmin   *postgres.Server // green as the operator reaches it
	greenForBlue *postgres.Server // green as blue's server reaches it
	password     string           // of pgteal's own role; "" before it is made
	force        []string         // guardrails that the operator overrides
	actor        string           // who this process is in the report of an attempt that another one left

	lock     *flock.Flock
	blueLock *pgx.Conn
}

// Parts are what an upgrade works with.
type Parts struct {
	Config   *config.Config
	Provider provider.Provider
	Routes   []route.Route
	Report   progress.Reporter
	Journal  func(directory string) Journal // default: a file in the state directory
	Guard    Guard                          // nil: nothing outlives a crash of this process
}

// Open takes hold of the upgrade that the configuration names: alone in its state directory, alone on blue. It changes nothing on blue.
// Close lets go of it.
func Open(ctx context.Context, parts Parts) (u *Upgrade, err error) {
	u = newUpgrade(parts)
	defer func() {
		if err != nil {
			u.Close()
		}
	}()
	directory := u.config.State()
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return u, fault.New(fault.Usage, fmt.Errorf("make the state directory: %w", err), whoseState)
	}
	u.lock = flock.New(filepath.Join(directory, "lock"))
	patience, cancel := context.WithTimeout(ctx, lockPatience) // the guard of an attempt that was cut off needs a moment
	defer cancel()
	free, err := u.lock.TryLockContext(patience, lookEvery)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return u, fmt.Errorf("lock the state directory %s: %w", directory, err)
	}
	if !free {
		return u, fault.New(fault.Failed, fmt.Errorf("another pgteal works on the upgrade %q (%s)", u.config.Upgrade, directory),
			"Wait for it, or look at it with pgteal status.")
	}
	if err := u.load(ctx); err != nil {
		return u, err
	}
	if err := u.meetBlue(ctx); err != nil {
		another := fault.KindOf(err) == fault.Usage && !u.state.GreenTidied // then nothing tells any more that green has blue's name
		if u.state.serving() == blue || another {
			return u, err
		}
		u.admin, u.blueGone = postgres.Gone(blue, err), err.Error() // all but the way back goes on without it
		return u, nil
	}
	if err := u.mendRole(ctx); err != nil {
		return u, err
	}
	if err := u.lockBlue(ctx); err != nil {
		return u, err
	}
	return u, u.blueServes(ctx)
}

// whoseState is what to do where the state directory cannot be used.
const whoseState = "Run pgteal as the user that has run it for this upgrade: its state belongs to that user. For a new upgrade, name a directory " +
	"that you may write to in state_directory."

// Look reads an upgrade without taking hold of it: for status, while another process works.
func Look(ctx context.Context, parts Parts) (*Upgrade, error) {
	u := newUpgrade(parts)
	return u, u.load(ctx)
}

func newUpgrade(parts Parts) *Upgrade {
	if parts.Journal == nil {
		parts.Journal = func(directory string) Journal { return NewFileJournal(directory) }
	}
	return &Upgrade{
		config: parts.Config, provider: parts.Provider, routes: parts.Routes, report: parts.Report, guard: parts.Guard, actor: "a later command",
		journal: parts.Journal(parts.Config.State()),
	}
}

// Close lets go of the upgrade.
func (u *Upgrade) Close() {
	if u.blueLock != nil {
		postgres.Close(u.blueLock)
	}
	for _, r := range u.routes {
		_ = r.Close() // nothing is lost with an admin connection
	}
	if u.lock != nil {
		_ = u.lock.Unlock() // the lock ends with the process in any case
	}
}

// State is what is known of the upgrade.
func (u *Upgrade) State() State { return u.state }

// load reads the journal and the secret that goes with it.
func (u *Upgrade) load(ctx context.Context) error {
	entries, err := u.journal.Entries(ctx)
	if errors.Is(err, os.ErrPermission) {
		return fault.New(fault.Usage, fmt.Errorf("read the journal: %w", err), whoseState)
	}
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		u.state = entries[len(entries)-1].State
		u.provider.Own(u.state.ID)
		if u.state.done(stepSwitchover) && u.state.serving() == blue { // a rollback was cut off
			u.takeBackSwitchover()
		}
	}
	content, err := os.ReadFile(u.secretFile())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read the password of pgteal's role: %w", err)
	}
	u.password = strings.TrimSpace(string(content))
	return nil
}

// reachBlue reaches blue, by pgteal's own role where there is one: the fence may be up.
func (u *Upgrade) reachBlue(ctx context.Context) (err error) {
	role := ""
	if u.password != "" {
		role = postgres.Role
	}
	u.admin, err = u.provider.Blue(ctx, role, u.password)
	return err
}

// meetBlue reaches blue and makes sure that it is the cluster that the journal is about.
func (u *Upgrade) meetBlue(ctx context.Context) (err error) {
	if err := u.reachBlue(ctx); err != nil {
		return err
	}
	var id, version string
	var major int
	database, err := u.admin.MaintenanceDatabase(ctx)
	if err != nil {
		return err
	}
	// Not yet as pgteal's own role: another cluster would not know it.
	err = u.admin.In(ctx, database, func(conn *pgx.Conn) (err error) {
		if id, err = postgres.SystemIdentifier(ctx, conn); err != nil {
			return err
		}
		return conn.QueryRow(ctx, `SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000`).Scan(&version, &major)
	})
	if err != nil {
		return err
	}
	another := u.state.SystemIdentifier != id || u.state.To != u.config.To
	switch {
	case u.state.ID == "" || u.state.Outcome == outcomeAborted || another && !u.state.touched():
		u.state = State{
			ID: rand.Text(), Name: u.config.Upgrade, Provider: u.config.Provider,
			SystemIdentifier: id, From: major, FromVersion: firstWord(version), To: u.config.To, Steps: map[string]StepState{},
		}
		u.provider.Own(u.state.ID)
	case u.state.SystemIdentifier != id:
		return fault.New(fault.Usage, fmt.Errorf("the state directory %s belongs to the cluster with system identifier %s, blue's is %s",
			u.config.State(), u.state.SystemIdentifier, id), "Give this upgrade another name, or name the right cluster in blue.")
	case u.state.To != u.config.To:
		return fault.New(fault.Usage, fmt.Errorf("this upgrade was begun to PostgreSQL %d, the configuration says %d", u.state.To, u.config.To),
			"Put the old version back; with it, pgteal abort gives this upgrade up.")
	case u.state.GreenDirectory != "" && u.state.GreenDirectory != u.config.Green.DataDirectory && u.state.Outcome == "":
		return fault.New(fault.Usage, fmt.Errorf("this upgrade's green is in %s, green.data_directory of the configuration is %q",
			u.state.GreenDirectory, u.config.Green.DataDirectory), "Put the old directory back; with it, pgteal abort gives this upgrade up.")
	}
	return nil
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

// blueLockKey is the key of the advisory lock on blue that keeps other pgteals out: "pgteal" in ASCII.
const blueLockKey = 0x706774_65616c

// lockPatience is how long another pgteal may go on: one whose session on blue has not ended yet, or a guard that has given the writes back and
// clears up.
const lockPatience = 10 * time.Second

// lockBlue takes the lock in a session of the role that pgteal has now.
func (u *Upgrade) lockBlue(ctx context.Context) error {
	database, err := u.blue().MaintenanceDatabase(ctx)
	if err != nil {
		return err
	}
	if u.blueLock != nil {
		postgres.Close(u.blueLock)
	}
	if u.blueLock, err = u.blue().Connect(ctx, database); err != nil {
		return err
	}
	patience := time.Now().Add(lockPatience)
	for {
		var free bool
		if err := u.blueLock.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(blueLockKey)).Scan(&free); err != nil {
			return fmt.Errorf("lock blue: %w", err)
		}
		switch {
		case free:
			return nil
		case time.Now().After(patience):
			return fault.New(fault.Failed, errors.New("another pgteal works on blue (it holds the advisory lock there)"),
				"Wait for it, or find it in pg_stat_activity.")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// note makes an entry about a step in the journal.
func (u *Upgrade) note(ctx context.Context, step, event string) error {
	return u.journal.Append(context.WithoutCancel(ctx), Entry{At: time.Now(), Step: step, Event: event, State: u.state})
}
