package upgrade

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/postgres"
)

// mendRole makes pgteal's role on blue anew where somebody has dropped or changed it, or has taken its lines out of pg_hba.conf: nothing goes on
// without it, not even abort. Only a blue that serves lets the operator's role in for that, so it never opens a fence.
func (u *Upgrade) mendRole(ctx context.Context) error {
	if u.managed() || !u.state.done(stepPublish) || u.state.Outcome != "" || u.state.serving() != blue || u.attemptIsOpen() {
		return nil
	}
	wrong := on(ctx, u.blue(), func(conn *pgx.Conn) error {
		var able bool
		err := conn.QueryRow(ctx, `SELECT rolsuper AND rolreplication FROM pg_roles WHERE rolname = current_user`).Scan(&able)
		if err == nil && !able {
			err = fmt.Errorf("role %s is no superuser with REPLICATION any more", postgres.Role)
		}
		return err
	})
	if code := postgres.SQLState(wrong); wrong == nil || code != "" && code != "28000" && code != "28P01" { // invalid authorization, or password
		return wrong
	}
	operator, err := u.provider.Blue(ctx, "", "")
	if err != nil {
		return fmt.Errorf("%w\nand as the operator's role: %w", wrong, err)
	}
	if err := on(ctx, operator, func(conn *pgx.Conn) error { return u.letRoleIn(ctx, conn, nil) }); err != nil {
		return fault.WithHint(fmt.Errorf("make role %s on blue anew, which does not work any more (%w): %w", postgres.Role, wrong, err), fault.HintOf(err))
	}
	u.report.Step(stepPublish).Say(fmt.Sprintf("role %s was changed, dropped or shut out on blue, and was made anew: %v", postgres.Role, wrong))
	return u.reachBlue(ctx)
}
