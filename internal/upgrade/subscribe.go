package upgrade

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// meetGreen reaches green as pgteal's own role, and starts it where it does not run.
func (u *Upgrade) meetGreen(ctx context.Context, step *progress.Step) error {
	if u.green != nil {
		return nil
	}
	server, _, err := u.provider.StartGreen(ctx, u.blue(), step)
	if err != nil {
		return err
	}
	return u.greetGreen(ctx, server)
}

// greetGreen makes server green, and finds out how blue's server reaches it: by its Unix socket where we reach blue by one, else by the
// configured address, or by ours as blue sees it.
func (u *Upgrade) greetGreen(ctx context.Context, server *postgres.Server) error {
	if u.managed() {
		if err := u.isGreen(ctx, u.asRole(server)); err != nil {
			return err
		}
	}
	u.greenAdmin, u.green = server, u.asRole(server)
	u.greenForBlue = u.asPublisher(server)
	if u.blueGone != "" || u.state.BlueKept != "" || u.managed() { // retired; or green has an address that everybody knows
		return nil
	}
	var us string
	err := u.onBlue(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT coalesce(host(inet_client_addr()), '')`).Scan(&us)
	})
	if err != nil {
		return err
	}
	if us == "" {
		return nil
	}
	endpoint := u.provider.Endpoint()
	if endpoint.Host != "" {
		us = endpoint.Host
	}
	u.greenForBlue = u.greenForBlue.At(us, endpoint.Port)
	return nil
}

// blueForGreen is blue as green's server reaches it.
func (u *Upgrade) blueForGreen() *postgres.Server {
	return u.asPublisher(u.admin)
}

// asPublisher returns a server as the other one's subscriptions reach it: by a password file there, or in a cloud by the password itself.
func (u *Upgrade) asPublisher(server *postgres.Server) *postgres.Server {
	if u.managed() {
		return u.asRole(server)
	}
	return server.As(postgres.Role, "", postgres.SecretFile)
}

// subscription is the subscription of a database as green makes it.
func (u *Upgrade) subscription(d postgres.Database) postgres.Subscription {
	return postgres.Subscription{Name: postgres.SlotName(d.OID), Publisher: u.blueForGreen(), Database: d.Name, Start: u.state.CloneLSN}
}

// subscribe lets green follow blue from the clone LSN on.
func (u *Upgrade) subscribe(ctx context.Context, step *progress.Step) error {
	if err := u.meetGreen(ctx, step); err != nil {
		return err
	}
	if err := on(ctx, u.green, func(conn *pgx.Conn) error { return postgres.WriteSecret(ctx, conn) }); err != nil {
		return err
	}
	u.state.Publisher = blue
	return u.inDatabases(ctx, u.green, func(conn *pgx.Conn, d postgres.Database) error {
		return postgres.Subscribe(ctx, conn, u.subscription(d), u.state.From)
	})
}

func (u *Upgrade) subscribeActions(_ context.Context, databases []postgres.Database) (actions []string, err error) {
	for _, d := range databases {
		s := u.subscription(d)
		actions = append(actions, fmt.Sprintf("on green, in database %q: %s; %s; %s;", d.Name, s.CreateSQL(u.state.From, u.state.To),
			strings.Replace(s.AdvanceSQL(0), "pg_0", "pg_(oid of the subscription)", 1), s.EnableSQL()))
	}
	return actions, err
}
