package upgrade

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// rebuildIndexes rebuilds on green what another version of libc or ICU would search in the wrong order. Both versions are asked of the
// libraries themselves, blue's on blue: what the catalog recorded may be older than the data. Templates are among it, or no database could be made
// from them: CREATE DATABASE refuses one whose recorded version is another one.
func (u *Upgrade) rebuildIndexes(ctx context.Context, step *progress.Step) error {
	u.state.Rebuilt = nil
	return u.inDatabasesAndTemplates(ctx, func(green *pgx.Conn, d postgres.Database) error {
		var before map[string]string
		err := u.blue().In(ctx, d.Name, func(blue *pgx.Conn) (err error) {
			before, err = postgres.CollationVersions(ctx, blue)
			return err
		})
		if postgres.SQLState(err) == "3D000" && !u.carries(d.Name) { // invalid_catalog_name: a template that was dropped on blue
			return nil
		} else if err != nil {
			return err
		}
		now, err := postgres.CollationVersions(ctx, green)
		if err != nil {
			return err
		}
		var changed []string
		for collation, version := range now {
			if old, ok := before[collation]; ok && old != version {
				changed = append(changed, collation)
			}
		}
		if len(changed) == 0 {
			return nil
		}
		indexes, err := postgres.IndexesOn(ctx, green, changed)
		if err != nil {
			return err
		}
		for i, index := range indexes {
			step.Count(int64(i), int64(len(indexes)), "indexes to rebuild: their collation sorts differently here")
			if _, err := green.Exec(ctx, "REINDEX INDEX "+index); err != nil {
				return fmt.Errorf("rebuild index %s: %w", index, err)
			}
			u.state.Rebuilt = append(u.state.Rebuilt, fmt.Sprintf("%s in database %q", index, d.Name))
		}
		return postgres.RefreshCollations(ctx, green)
	})
}
