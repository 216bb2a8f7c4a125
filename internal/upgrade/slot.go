package upgrade

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// slotPatience bounds how long a slot may wait for the transactions that run when it is made. Waiting holds nobody up.
const slotPatience = 10 * time.Minute

// slot makes a replication slot in each database and then writes a marker there: a clone that has the marker is younger than the slot.
func (u *Upgrade) slot(ctx context.Context, step *progress.Step) error {
	u.state.SlotLSNs, u.state.Markers = map[string]postgres.LSN{}, map[string]string{}
	return u.inDatabases(ctx, u.blue(), func(conn *pgx.Conn, d postgres.Database) error {
		name := postgres.SlotName(d.OID)
		lsn, err := u.makeSlot(ctx, conn, name, step)
		if err != nil {
			return err
		}
		if err := postgres.MarkSlot(ctx, conn, name); err != nil {
			return err
		}
		u.state.SlotLSNs[name] = lsn
		u.state.Markers[d.Name], err = postgres.WriteMarker(ctx, conn)
		return err
	})
}

func (u *Upgrade) makeSlot(ctx context.Context, conn *pgx.Conn, name string, step *progress.Step) (lsn postgres.LSN, err error) {
	slot, err := postgres.FindSlot(ctx, conn, name)
	if err == nil { // of an earlier run: it stands before any clone that is still to be made
		return slot.ConfirmedFlush, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("look for slot %q: %w", name, err)
	}
	wait, cancel := context.WithTimeout(ctx, slotPatience)
	defer cancel()
	stop := u.sayBlockers(wait, step)
	err = conn.QueryRow(wait, postgres.CreateSlotSQL, name).Scan(&lsn)
	blockers := stop()
	if err != nil {
		err = fmt.Errorf("create slot %q: %w", name, err)
		if wait.Err() != nil && len(blockers) > 0 {
			return 0, fault.WithHint(err,
				"It waits for transactions that were open when it began. End them and run the same command again:\n"+strings.Join(blockers, "\n"))
		}
	}
	return lsn, err
}

// sayBlockers reports every second which transactions a slot waits for, until stopped. It returns those seen last.
func (u *Upgrade) sayBlockers(ctx context.Context, step *progress.Step) (stop func() []string) {
	ctx, cancel := context.WithCancel(ctx)
	seen := make(chan []string, 1)
	go func() {
		var blockers []string
		defer func() { seen <- blockers }()
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			_ = u.onBlue(ctx, func(conn *pgx.Conn) error { // a look that fails is looked again
				sessions, err := postgres.OpenTransactions(ctx, conn, time.Second)
				if err != nil || len(sessions) == 0 {
					return err
				}
				blockers = nil
				for _, s := range sessions {
					blockers = append(blockers, s.String())
				}
				step.Now(fmt.Sprintf("waiting for %d open transactions, the oldest in %s", len(blockers), blockers[0]))
				return nil
			})
		}
	}()
	return func() []string {
		cancel()
		return <-seen
	}
}

// undoSlots takes back everything by which blue publishes, or was made ready to follow green.
func (u *Upgrade) undoSlots(ctx context.Context, _ *progress.Step) error {
	return u.unlink(ctx, u.blue())
}

// dropSlots drops every slot that pgteal may have made on a cluster.
func (u *Upgrade) dropSlots(ctx context.Context, server *postgres.Server) error {
	return on(ctx, server, func(conn *pgx.Conn) error {
		for _, d := range u.state.Databases {
			if err := postgres.DropSlot(ctx, conn, postgres.SlotName(d.OID)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (u *Upgrade) slotActions(_ context.Context, databases []postgres.Database) (actions []string, err error) {
	for _, d := range databases {
		actions = append(actions, fmt.Sprintf("in database %q: %s;", d.Name,
			strings.Replace(postgres.CreateSlotSQL, "$1", postgres.Literal(postgres.SlotName(d.OID)), 1)))
	}
	return actions, err
}
