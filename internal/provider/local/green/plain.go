package green

import (
	"context"

	"github.com/pgteal/pgteal/internal/pgctl"
)

// plain starts green with pg_ctl. Nothing starts it at boot.
type plain struct {
	g   Cluster
	log string
}

func (plain) Kind() string { return KindPgctl }

func (p plain) Adopt(context.Context) error { return p.g.registered(KindPgctl, "", true) }

func (p plain) Cluster() pgctl.Cluster { return p.g.New }

func (p plain) Start(ctx context.Context) error {
	if _, err := p.g.New.Postmaster(); err == nil {
		return nil
	}
	return p.g.New.Start(ctx, p.log)
}

func (p plain) Stop(ctx context.Context) error { return p.g.New.Stop(ctx, "fast") }

func (p plain) Restart(ctx context.Context) error {
	if err := p.Stop(ctx); err != nil {
		return err
	}
	return p.Start(ctx)
}

func (p plain) Forget(ctx context.Context) error {
	if err := p.Stop(ctx); err != nil {
		return err
	}
	return p.g.registered("", "", false)
}
