package demo_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/demo"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
)

func TestFillMakesTheSameShopOnEveryMajor(t *testing.T) {
	for _, major := range []int{13, 15, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := pgtest.Start(t, major)
			begun := time.Now()
			said := 0
			databases, err := demo.Fill(t.Context(), s.Server, 1, progress.Reporter(func(progress.Event) { said++ }).Step("fill"))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s", time.Since(begun))
			if said == 0 {
				t.Error("no progress was reported")
			}
			if err := audit.Install(t.Context(), s.Server, databases, demo.App); err != nil {
				t.Fatal(err)
			}
			var rows, unpublishable int64
			for _, database := range databases {
				conn := s.Connect(t, database)
				var n, u int64
				err := conn.QueryRow(t.Context(), `SELECT (xpath('/row/n/text()', query_to_xml('SELECT ' || string_agg(
					'(SELECT count(*) FROM ONLY ' || oid::regclass || ')', '+') || ' AS n', false, true, '')))[1]::text::bigint
					FROM pg_class WHERE relkind = 'r' AND oid >= 16384 AND relnamespace::regnamespace::text <> 'audit'`).Scan(&n)
				if err != nil {
					t.Fatal(err)
				}
				// Tables whose updates a publication for all tables would refuse.
				err = conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_class c WHERE relkind = 'r' AND oid >= 16384
					AND relpersistence = 'p' AND relreplident = 'd'
					AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary)`).Scan(&u)
				if err != nil {
					t.Fatal(err)
				}
				rows, unpublishable = rows+n, unpublishable+u
			}
			if len(databases) != 3 || rows < 180_000 || rows > 250_000 || unpublishable != 0 {
				t.Errorf("%d databases, %d rows, %d tables without a replica identity", len(databases), rows, unpublishable)
			}
			// The application may do its work.
			app := s.As(demo.App, "", "")
			for database, statement := range map[string]string{
				"shop":     `UPDATE shop.product SET "Price (EUR)" = 1 WHERE id < 10`,
				"billing":  `INSERT INTO billing.invoice (customer, issued, net) VALUES (1, now(), 7)`,
				demo.Weird: `INSERT INTO "We""ird Schema"."select" ("WHERE") VALUES ('x')`,
			} {
				conn, err := app.Connect(t.Context(), database)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := conn.Exec(t.Context(), "SET row_security = on; "+statement); err != nil {
					t.Errorf("%s: %v", statement, err)
				}
				postgres.Close(conn)
			}
		})
	}
}

func TestFillDoublesWithTheScale(t *testing.T) {
	s := pgtest.Start(t, 18)
	if _, err := demo.Fill(t.Context(), s.Server, 2, nil); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := s.Connect(t, "shop").QueryRow(t.Context(), `SELECT count(*) FROM shop."Order"`).Scan(&n); err != nil || n != 60_000 {
		t.Error(n, err)
	}
}
