package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/route"
)

// letGoLimit bounds how long Hold tries to let clients go on after it has failed.
const letGoLimit = 5 * time.Second

// Hold pauses every database of the included file, and with `*` in it the whole PgBouncer, other databases included: only that
// also holds databases which nobody has used yet. It returns when PgBouncer has no connection to their servers left.
//
// In session pooling that needs every client to disconnect; see Check.
func (b *PgBouncer) Hold(ctx context.Context) error {
	f, err := b.read()
	if err != nil {
		return err
	}
	err = b.pause(ctx, f)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("hold the clients of %s: %w", b.name, err)
	letGo, cancel := context.WithTimeout(context.WithoutCancel(ctx), letGoLimit)
	defer cancel()
	if ctx.Err() != nil && !isRefusal(err) {
		err = fmt.Errorf("hold the clients of %s%s: %w (%w)", b.name, b.busy(letGo, f), route.ErrHoldTimeout, ctx.Err())
	}
	// Closing a session that waits for its PAUSE does not undo the PAUSE.
	if failed := b.resume(letGo, f); failed != nil {
		return fault.WithHint(errors.Join(err, failed),
			"Clients may still be held. Run RESUME, or RESUME with each paused database's name, in PgBouncer's admin console.")
	}
	return err
}

// pause pauses, and returns the first error. Each PAUSE waits until all that are under way are done, so they have to run at the
// same time.
func (b *PgBouncer) pause(ctx context.Context, f *include) error {
	if err := b.awaitLogins(ctx, f); err != nil {
		return err
	}
	if f.has(fallback) {
		return b.pauseAll(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	names := make(chan string, len(f.entries))
	for _, e := range f.entries {
		names <- e.name
	}
	close(names)
	var workers sync.WaitGroup
	for range min(len(f.entries), maxSessions) {
		workers.Go(func() {
			for name := range names {
				if _, err := b.sessions.query(ctx, "PAUSE "+argument(name)); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	// A PAUSE whose database somebody resumes is answered as done together with the others.
	live, err := b.databases(ctx, f)
	if err != nil {
		return err
	}
	for _, e := range f.entries {
		if live[e.name]["paused"] != "1" {
			return fmt.Errorf("database %q is not paused, although PAUSE has said so; somebody else has resumed it", e.name)
		}
	}
	return nil
}

// pauseAll pauses the whole PgBouncer. A PAUSE that is in force already, by a pgteal that died, does not say when it is done.
func (b *PgBouncer) pauseAll(ctx context.Context) error {
	_, err := b.sessions.query(ctx, "PAUSE")
	if !refused(err, "already suspended/paused") {
		return err
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		servers, err := b.sessions.query(ctx, "SHOW SERVERS")
		if err != nil || len(servers) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// busy names the databases whose clients hold a connection to a server, for an error; "" where none do.
func (b *PgBouncer) busy(ctx context.Context, f *include) string {
	servers, err := b.sessions.query(ctx, "SHOW SERVERS")
	if err != nil {
		return ""
	}
	clients := map[string]int{}
	for _, s := range servers {
		if s["link"] != "" && (f.has(fallback) || f.has(s["database"])) {
			clients[s["database"]]++
		}
	}
	var list []string
	for _, database := range slices.Sorted(maps.Keys(clients)) {
		list = append(list, fmt.Sprintf("%d of database %q", clients[database], database))
	}
	if list == nil {
		return ""
	}
	return ", of which these are busy: " + strings.Join(list, ", ")
}

// Release resumes what is paused, also by a pgteal that died. Where the included file cannot be read, it resumes all that
// is paused in this PgBouncer, because clients that wait for ever are worse.
func (b *PgBouncer) Release(ctx context.Context) error {
	f, err := b.read()
	if err != nil {
		f = nil
	}
	if err := b.resume(ctx, f); err != nil {
		return fmt.Errorf("release the clients of %s: %w", b.name, err)
	}
	return nil
}

// resume resumes what is paused of the databases of f, or all that is paused where f is nil.
func (b *PgBouncer) resume(ctx context.Context, f *include) error {
	rows, err := b.sessions.query(ctx, "SHOW DATABASES")
	if err != nil {
		return err
	}
	var commands []string
	if f == nil || f.has(fallback) {
		commands = append(commands, "RESUME")
	}
	for _, d := range rows {
		if d["paused"] == "1" && (f == nil || f.has(d["name"])) {
			commands = append(commands, "RESUME "+argument(d["name"]))
		}
	}
	if commands == nil {
		return nil
	}
	return b.withQuickLogins(ctx, func() error {
		var failed []error
		for _, command := range commands {
			_, err := b.sessions.query(ctx, command)
			if err != nil && !refused(err, "not paused") && !refused(err, "no such database") {
				failed = append(failed, err)
			}
		}
		return errors.Join(failed...)
	})
}
