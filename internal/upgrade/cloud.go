package upgrade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// managed tells whether the clusters are in a cloud, which keeps the superuser and the files to itself.
func (u *Upgrade) managed() bool { return u.config.Provider != "local" }

// startedClone is the clone, as a role that gets in however far it has come: in a cloud nobody but pgteal's does, once it is closed.
func (u *Upgrade) startedClone(ctx context.Context, step *progress.Step) (*postgres.Server, error) {
	if u.managed() {
		return u.atEndpoint("clone"), nil
	}
	clone, _, err := u.provider.StartClone(ctx, step)
	return clone, err
}

// atEndpoint is what a cloud has at green's endpoint, as pgteal's own role reaches it.
func (u *Upgrade) atEndpoint(name string) *postgres.Server {
	at := u.provider.Endpoint()
	server := u.asRole(u.admin).At(at.Host, at.Port)
	server.Name = name
	return server
}

// closeClone closes a clone that everybody can reach who knows its address. What that changes is in the journal before, and opening green puts it
// back: the upgrade keeps it.
func (u *Upgrade) closeClone(ctx context.Context, clone *postgres.Server) error {
	return on(ctx, clone, func(conn *pgx.Conn) error {
		if u.state.GreenFence == nil {
			fence, err := postgres.ReadFence(ctx, conn)
			if err != nil {
				return err
			}
			u.state.GreenFence = &fence
			if err := u.note(ctx, stepClean, eventFound); err != nil {
				return err
			}
		}
		if err := clone.SetGate(ctx, conn, postgres.HBAClosed, *u.state.GreenFence); err != nil {
			return err
		}
		_, err := postgres.EndSessions(ctx, conn, true)
		return err
	})
}

// operatorOnBlue is blue as the operator's role, which made pgteal's and is there when that has gone.
func (u *Upgrade) operatorOnBlue(ctx context.Context) (*postgres.Server, error) {
	return u.provider.Blue(ctx, "", "")
}

func (u *Upgrade) operatorOnGreen(context.Context) (*postgres.Server, error) {
	return u.greenAdmin, nil
}

// removeCloudTraces is removeTraces where pgteal's role is no superuser: it takes back what it made, and the operator's role drops it.
func (u *Upgrade) removeCloudTraces(ctx context.Context, server *postgres.Server, operator func(context.Context) (*postgres.Server, error)) error {
	err := u.unpublishAll(ctx, u.asRole(server))
	if err == nil {
		err = on(ctx, u.asRole(server), func(conn *pgx.Conn) error {
			fence, err := postgres.ReadFence(ctx, conn)
			if server.Name != u.state.serving() {
				fence = u.state.fence(server.Name)
			}
			if err != nil {
				return err
			}
			if err := postgres.WriteGate(ctx, conn, postgres.HBANone, fence); err != nil {
				return err
			}
			return postgres.DisarmRole(ctx, conn)
		})
	}
	if err != nil && !loggedOut(err) { // an earlier run has dropped the role
		return err
	}
	admin, err := operator(ctx)
	if err != nil {
		return err
	}
	err = on(ctx, admin, func(conn *pgx.Conn) error { return postgres.DropRole(ctx, conn, u.state.ID) })
	if postgres.SQLState(err) == "42501" {
		// From 16 on only who administers a role may drop it, and pg_upgrade made it on green for nobody.
		u.report.Step(stepFinish).Say(fmt.Sprintf("role %s stays on %s, without password: %v. Whoever administers it may drop it.",
			postgres.Role, server.Name, err))
		return nil
	}
	return err
}

// renamePatience bounds how long the names of clusters that were renamed may lead elsewhere: AWS says that the old ones may be cached for some
// minutes (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_RenameInstance.html).
const renamePatience = 15 * time.Minute

// meetAgain finds blue and green where they are after a route has renamed them. A name that still leads to the other one is waited for.
func (u *Upgrade) meetAgain(ctx context.Context, step *progress.Step) error {
	if !u.config.Renames() {
		return nil
	}
	step.Now("looking for blue and green under their new names")
	u.green = nil
	deadline := time.Now().Add(renamePatience)
	for {
		err := u.meetRenamed(ctx, step)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(lookEvery):
		}
	}
}

func (u *Upgrade) meetRenamed(ctx context.Context, step *progress.Step) error {
	if u.blueGone == "" {
		if err := u.meetBlue(ctx); err != nil {
			return err
		}
		if err := u.lockBlue(ctx); err != nil {
			return err
		}
	}
	return u.meetGreen(ctx, step)
}

// isGreen is an error where what answers at green's address is not of green's major version. Names can lead elsewhere for a while, once a route
// has given green those of blue.
func (u *Upgrade) isGreen(ctx context.Context, server *postgres.Server) error {
	return on(ctx, server, func(conn *pgx.Conn) error {
		major, err := postgres.Major(ctx, conn)
		if err == nil && major != u.state.To {
			err = fault.WithHint(fmt.Errorf("PostgreSQL %d answers at green's address, not %d", major, u.state.To),
				"A name that was cached may lead to blue. Run the same command again in some minutes.")
		}
		return err
	})
}
