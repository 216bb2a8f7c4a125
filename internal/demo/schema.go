package demo

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

// App is the role of the shop's application: it may log in and write, and owns nothing.
const App = "app"

// Weird is the database whose name nobody should have given.
const Weird = `We"ird; DROP`

// content is one database of the demo. Its statements run as the superuser, in a transaction. In them $rows(N) stands for N times
// the scale.
type content struct {
	database string
	parts    []part
}

// part is a group of statements that progress names.
type part struct{ what, sql string }

// Fill makes the demo's roles, databases, tables and rows on an empty cluster of any major from 11 on, and returns the names of
// the databases. Scale 1 is about 200,000 rows; its default is 1. The owners are roles that cannot log in, App may write.
// What a contrib module is needed for is left out where the module is not installed. On the way it reports through step, which
// may be nil.
func Fill(ctx context.Context, server *postgres.Server, scale int, step *progress.Step) ([]string, error) {
	scale = max(scale, 1)
	contents := []content{shop(), billing(), weird()}
	err := server.In(ctx, "postgres", func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, rolesSQL); err != nil {
			return fmt.Errorf("make the demo's roles: %w", err)
		}
		for _, c := range contents {
			if _, err := conn.Exec(ctx, "CREATE DATABASE "+postgres.Ident(c.database)); err != nil {
				return fmt.Errorf("make the demo's database: %w", err)
			}
			_, err := conn.Exec(ctx, "COMMENT ON DATABASE "+postgres.Ident(c.database)+" IS 'made by pgteal demo'")
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range contents {
		if err := c.fill(ctx, server, scale, step); err != nil {
			return nil, fmt.Errorf("fill the demo's database: %w", err)
		}
		names = append(names, c.database)
	}
	return names, nil
}

func (c content) fill(ctx context.Context, server *postgres.Server, scale int, step *progress.Step) error {
	return server.In(ctx, c.database, func(conn *pgx.Conn) error {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			for _, p := range c.parts {
				step.Now(fmt.Sprintf("database %q: %s", c.database, p.what))
				if _, err := tx.Exec(ctx, scaled(p.sql, scale)); err != nil {
					return fmt.Errorf("%s: %w", p.what, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "ANALYZE")
		return err
	})
}

// rolesSQL makes an owner for each schema, the application's role, and one that only reads. None has a password.
const rolesSQL = `
CREATE ROLE shop_owner;
CREATE ROLE billing_owner;
CREATE ROLE app LOGIN;
CREATE ROLE "Weird ""Owner""";
CREATE ROLE reporting;
GRANT reporting TO app;
ALTER ROLE reporting SET statement_timeout = '5min';
COMMENT ON ROLE app IS 'the shop''s application';
DO $$ BEGIN IF current_setting('is_superuser') = 'off' THEN GRANT shop_owner, billing_owner, "Weird ""Owner""" TO CURRENT_USER; END IF; END $$`
