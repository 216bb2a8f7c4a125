package switchover

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/route"
)

// leadAll leads clients to To by the routes that are slow, or by those that are not. Those that are get the time that they take.
func (s *Switchover) leadAll(ctx context.Context, slowly bool) error {
	return s.eachRoute(func(r route.Route) error {
		slow, is := r.(route.Slow)
		if is != slowly {
			return nil
		}
		if is {
			limited, cancel := context.WithTimeout(ctx, slow.Takes())
			defer cancel()
			s.Step.Now(fmt.Sprintf("waiting for %s to lead to %s, %s at most", r.Name(), s.To.Server.Name, slow.Takes()))
			return s.lead(limited, r)
		}
		return s.lead(ctx, r)
	})
}

// lead leads clients to To by a route.
func (s *Switchover) lead(ctx context.Context, r route.Route) error {
	if s.To.Endpoint == nil {
		return r.Restore(ctx)
	}
	return r.Point(ctx, *s.To.Endpoint)
}

// slow names the routes that are slow, for a sentence that has begun to list what takes time: " and rdsproxy pool".
func (s *Switchover) slow() (names string) {
	for _, r := range s.Routes {
		if _, is := r.(route.Slow); is {
			names += " and " + r.Name()
		}
	}
	return names
}

// renames tells whether a route gives From and To each other's addresses.
func (s *Switchover) renames() bool {
	return slices.ContainsFunc(s.Routes, func(r route.Route) bool {
		_, is := r.(route.Renaming)
		return is
	})
}

// part ends what To has from From, which the drain has brought to its end, before a route renames them. Where From was, To would find itself: with a slot
// of the same name, which is for the way back and which it would use up.
func (s *Switchover) part(ctx context.Context) error {
	if !s.renames() {
		return nil
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, d := range s.Databases {
		group.Go(func() error {
			return s.To.Server.In(ctx, d.Name, func(conn *pgx.Conn) error {
				return postgres.DropSubscriptions(ctx, conn, postgres.SlotName(d.OID))
			})
		})
	}
	return group.Wait()
}
