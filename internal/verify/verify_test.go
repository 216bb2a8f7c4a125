package verify_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/verify"
)

// What bank makes and write keeps busy: the number of rows never changes, the rows do all the time.
const bank = `
	CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL, note text);
	INSERT INTO accounts SELECT i, 1000, 'note ' || i FROM generate_series(1, 300) i;
	CREATE TABLE branches (id int PRIMARY KEY, balance bigint NOT NULL);
	INSERT INTO branches SELECT i, 0 FROM generate_series(1, 10) i;
	CREATE TABLE history (account int, at timestamptz, n int);
	ALTER TABLE history REPLICA IDENTITY FULL;
	INSERT INTO history SELECT i, 'epoch', 0 FROM generate_series(1, 4) i, generate_series(1, 2);
	CREATE TABLE events (id int, part int, what text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
	CREATE TABLE events_0 PARTITION OF events FOR VALUES IN (0);
	CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
	INSERT INTO events SELECT i, i % 2, 'x' FROM generate_series(1, 200) i;`

const bankTables, bankRows = 5, 300 + 10 + 8 + 200

func transfer(ctx context.Context, tx pgx.Tx, writer, n int) error {
	account := 1 + (n*7+writer)%200
	// An event and the next are in different partitions and change places: tables may be compared at different points.
	event := 2*(writer*25+n%25) + 1
	_, err := tx.Exec(ctx, fmt.Sprintf(`
		UPDATE accounts SET balance = balance - 1 WHERE id = %d;
		UPDATE branches SET balance = balance + 1 WHERE id = %d;
		DELETE FROM history WHERE account = %d;
		INSERT INTO history SELECT %d, clock_timestamp(), %d FROM generate_series(1, 2);
		UPDATE events SET part = 1 - part, what = right(what || 'y', 50) WHERE id IN (%d, %d);`,
		account, 1+(n+writer)%10, writer+1, writer+1, n, event, event+1))
	return err
}

const behindTheBack = `
	UPDATE accounts SET balance = balance + 1 WHERE id = 210;
	UPDATE accounts SET note = NULL WHERE id = 211;
	DELETE FROM accounts WHERE id = 212;
	INSERT INTO accounts VALUES (999, 0, '');
	INSERT INTO events VALUES (777, 1, 'x');
	INSERT INTO history VALUES (70, 'epoch', 0)`

var behindTheBackFound = []string{
	"different public.accounts id=210", "different public.accounts id=211", "missing public.accounts id=212",
	"extra public.accounts id=999",
	"extra public.events_1 id=777, part=1", "extra public.history account=70, at='1970-01-01 00:00:00+00', n=0",
}

func TestRunIsExact(t *testing.T) {
	s := start(t, 15, 18)

	t.Run("finds live clusters equal and counts their rows", func(t *testing.T) {
		d := s.replicate(t, "live", bank)
		stop := d.write(t, 4, transfer)
		for range 8 {
			wantEqual(t, d.verify(t), bankTables, bankRows)
		}
		if n := stop(); n < 100 {
			t.Errorf("only %d transactions committed meanwhile", n)
		}
	})

	t.Run("names each row changed behind replication's back", func(t *testing.T) {
		d := s.replicate(t, "back", bank)
		d.on(t, s.green, behindTheBack)
		report := d.verify(t)
		wantDifferences(t, report, behindTheBackFound...)
		if report.LowerBound {
			t.Error("six differences were called a lower bound")
		}
	})

	t.Run("names such rows among live writers", func(t *testing.T) {
		d := s.replicate(t, "back_live", bank)
		d.write(t, 3, transfer)
		d.on(t, s.green, behindTheBack)
		for range 3 {
			wantDifferences(t, d.verify(t), behindTheBackFound...)
		}
	})

	t.Run("counts duplicates where there is no key", func(t *testing.T) {
		d := s.replicate(t, "duplicates",
			`CREATE TABLE twins (a int, b text)`, `ALTER TABLE twins REPLICA IDENTITY FULL`,
			`INSERT INTO twins SELECT 1, 'x' FROM generate_series(1, 3)`, `INSERT INTO twins VALUES (1, NULL), (1, '')`,
			`CREATE TABLE bare ()`, `INSERT INTO bare DEFAULT VALUES`)
		wantEqual(t, d.verify(t), 2, 6)
		d.on(t, s.green, `INSERT INTO twins VALUES (1, 'x'), (1, 'x')`, `UPDATE twins SET b = '' WHERE b IS NULL`,
			`INSERT INTO bare DEFAULT VALUES`)
		wantDifferences(t, d.verify(t), "extra public.twins a=1, b='x'", "extra public.twins a=1, b='x'",
			"missing public.twins a=1, b=NULL", "extra public.twins a=1, b=''", "extra public.bare (no columns)")
	})

	t.Run("takes any name", func(t *testing.T) {
		d := s.replicate(t, `"We""ird; DROP`,
			`CREATE SCHEMA "sch'ema.x\y"`,
			`CREATE TABLE "sch'ema.x\y"."""We""""ird; DROP"" $1" ("a""b, c" int, "x" text, "select" text, PRIMARY KEY ("x", "a""b, c"))`,
			`INSERT INTO "sch'ema.x\y"."""We""""ird; DROP"" $1" VALUES (1, 'it''s', 'a'), (2, E'\\', 'b')`,
			`CREATE TABLE x (x int PRIMARY KEY, t text, b text)`, `INSERT INTO x VALUES (1, ',', ''), (2, '', ',')`,
			`CREATE TABLE parent (id int PRIMARY KEY)`, `CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent)`,
			`INSERT INTO parent VALUES (1)`, `INSERT INTO child VALUES (2)`)
		wantEqual(t, d.verify(t), 4, 6)
		d.on(t, s.green, `UPDATE "sch'ema.x\y"."""We""""ird; DROP"" $1" SET "select" = 'c'`,
			`UPDATE x SET t = ',' || t, b = left(b, 0) WHERE x = 2`, `DELETE FROM child`)
		wantDifferences(t, d.verify(t),
			`different "sch'ema.x\y"."""We""""ird; DROP"" $1" x='it''s', "a""b, c"=1`,
			`different "sch'ema.x\y"."""We""""ird; DROP"" $1" x=E'\\', "a""b, c"=2`,
			`different public.x x=2`, `missing public.child id=2`)
	})

	t.Run("stays within bounds when everything differs", func(t *testing.T) {
		const rows = 320_000
		d := s.replicate(t, "everything", `CREATE TABLE t (id int PRIMARY KEY, v int)`, `CREATE TABLE same (v int)`,
			`ALTER TABLE same REPLICA IDENTITY FULL`)
		d.on(t, s.green, fmt.Sprintf(`INSERT INTO t SELECT i, i FROM generate_series(1, %d) i`, rows),
			fmt.Sprintf(`INSERT INTO same SELECT 1 FROM generate_series(1, %d) i`, rows))
		report := d.verify(t)
		if len(report.Differences) != verify.DifferencesCap || !report.LowerBound {
			t.Errorf("%d differences named, lower bound %t", len(report.Differences), report.LowerBound)
		}
		if report.Mismatches != 2*rows { // each bucket has as many extra rows as it has rows, so even the lower bound is sharp
			t.Errorf("%d mismatches, wanted %d", report.Mismatches, 2*rows)
		}
		d.on(t, s.green, `DELETE FROM t WHERE id > 5`, `DELETE FROM same`)
		wantDifferences(t, d.verify(t), "extra public.t id=1", "extra public.t id=2", "extra public.t id=3",
			"extra public.t id=4", "extra public.t id=5")
	})

	// TRUNCATE and rewriting ALTER TABLE are what a snapshot does not protect against.
	t.Run("gets through DDL", func(t *testing.T) {
		d := s.replicate(t, "ddl", `CREATE TABLE emptied (id int PRIMARY KEY)`, `CREATE TABLE big (id int PRIMARY KEY, t text)`,
			`INSERT INTO big SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i`,
			`INSERT INTO emptied SELECT generate_series(1, 100)`)
		d.write(t, 1, func(ctx context.Context, tx pgx.Tx, _, _ int) error {
			_, err := tx.Exec(ctx, `SELECT pg_sleep(0.1); TRUNCATE emptied; INSERT INTO emptied SELECT generate_series(1, 100)`)
			return err
		})
		for range 3 {
			request := d.request()
			request.Jobs = 1 // so that both tables are in one group, and the large one is read first
			wantEqual(t, run(t, request), 2, 20100)
		}
	})

	t.Run("compares several databases, empty ones too", func(t *testing.T) {
		one := s.replicate(t, "one", bank)
		two := s.replicate(t, "two", bank)
		empty := s.replicate(t, "empty")
		request := one.request()
		request.Databases = []postgres.Database{one.Database, two.Database, empty.Database}
		request.Jobs = 4
		wantEqual(t, run(t, request), 2*bankTables, 2*bankRows)
		request.Databases = nil
		wantEqual(t, run(t, request), 0, 0)
	})
}
