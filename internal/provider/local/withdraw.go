package local

import (
	"context"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/provider/local/green"
	"github.com/pgteal/pgteal/internal/provider/local/withdraw"
)

// Withdraw takes blue off its clients' addresses.
func (l *Local) Withdraw(ctx context.Context, before postgres.Addresses, reach func(context.Context) (*postgres.Server, error)) error {
	blue, err := l.withdrawable(reach)
	if err != nil {
		return err
	}
	return blue.Withdraw(ctx, before)
}

// Return brings blue back to its clients' addresses.
func (l *Local) Return(ctx context.Context, before postgres.Addresses, reach func(context.Context) (*postgres.Server, error)) error {
	blue, err := l.withdrawable(reach)
	if err != nil {
		return err
	}
	return blue.Return(ctx, before)
}

func (l *Local) withdrawable(reach func(context.Context) (*postgres.Server, error)) (withdraw.Server, error) {
	blue, err := l.blueCluster()
	return withdraw.Server{
		Cluster: blue, Reach: reach,
		Restart: func(ctx context.Context) error { return green.Restart(ctx, blue, blue.DataDirectory+".log") },
	}, err
}
