package test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/switchover"
	"github.com/pgteal/pgteal/test/site"
)

// Every guardrail forbids, in both directions, what it is there for: with its own message, without an effect on clients. It lets go again
// when the cause is mended, and where nothing can be lost, when it is told to.
func TestGuardrailsForbidAndLetGoInBothDirections(t *testing.T) {
	s := site.New(t, site.Options{Settings: []string{
		"max_prepared_transactions = 5", "logging_collector = on", "log_filename = 'server.log'", "wal_retrieve_retry_interval = 500ms", "max_wal_size = 1GB",
	}})
	s.Blue.Exec(t, "shop",
		`CREATE SEQUENCE public.wide`, `CREATE TABLE public."Narrow; DROP" (id integer PRIMARY KEY DEFAULT nextval('public.wide'), what text)`,
		`INSERT INTO public."Narrow; DROP" VALUES (-1, 'a'), (-2, 'b')`,
		`CREATE TABLE public.big (id integer PRIMARY KEY, what text)`, `INSERT INTO public.big SELECT i, repeat('x', 400) FROM generate_series(1, 30000) i`,
		`CREATE TABLE public.tree (id integer PRIMARY KEY, what text) PARTITION BY RANGE (id)`,
		`CREATE TABLE public.leaf PARTITION OF public.tree FOR VALUES FROM (0) TO (100000)`, `INSERT INTO public.tree SELECT * FROM public.big`,
		`CREATE STATISTICS public."Ext; DROP" ON id, what FROM public.leaf`, `ANALYZE`, `CREATE TABLE public.empty (id integer PRIMARY KEY)`,
		`CREATE TABLE public.child (PRIMARY KEY (id)) INHERITS (public.empty)`, `CREATE VIEW public.seen AS SELECT 1 AS one`)
	pgteal(t, done, s, "prepare")
	load := s.Load(t, s.Bouncer.Port, 2)
	for _, g := range []*guarded{{s, "switchover", s.Blue, s.Green(t)}, {s, "rollback", s.Green(t), s.Blue}} {
		g.transactions(t)
		g.catalogs(t)
		g.otherWriters(t)
		g.failedSubscription(t)
		g.lag(t)
		g.comparison(t)
		site.AwaitWrites(t, load, 2)
		pgteal(t, done, s, g.command)
	}
	site.AwaitWrites(t, load, 2)
	if v := s.Judge(t, load, s.Blue); v.Errors > 0 {
		t.Errorf("clients saw %d errors: %+v", v.Errors, v.Failures)
	}
	g := &guarded{s, "switchover", s.Blue, s.Green(t)}
	g.route(t)
	g.lostSlot(t)
}

// transactions has open and prepared transactions on both sides, and slots that they hold back.
func (g *guarded) transactions(t *testing.T) {
	t.Helper()
	idle, active, to := g.from.Connect(t, "shop"), g.from.Connect(t, "shop"), g.closed(t)
	must(t, idle, "SET application_name = 'forgotten'", "BEGIN", "SELECT txid_current()")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := active.Exec(ctx, "SELECT pg_sleep(600)")
		ended <- err
	}()
	must(t, to, "BEGIN", "LOCK TABLE public.big IN ACCESS SHARE MODE")
	must(t, g.from.Connect(t, "shop"), "BEGIN", `INSERT INTO public."Narrow; DROP" VALUES (-3)`, "PREPARE TRANSACTION 'it''s'")
	must(t, g.closed(t), "BEGIN", "SELECT txid_current()", "PREPARE TRANSACTION 'closed'")
	setting := g.from.Connect(t, "postgres")
	// A quarter of it is left when a slot counts as near: the writers must not use that up before the guardrail looks.
	must(t, setting, "ALTER SYSTEM SET max_slot_wal_keep_size = '512MB'", "SELECT pg_reload_conf()")
	stays := 0 // how often it was near in a row: until the slots have come to the transactions that hold them back, they move on at checkpoints
	pgtest.Eventually(t, patience, "a slot comes near the limit, and transactions become old", func() bool {
		var near bool
		err := setting.QueryRow(t.Context(), `SELECT min(safe_wal_size) < 128 * 1024 * 1024 FROM pg_replication_slots`).Scan(&near)
		if err != nil {
			t.Fatal(err)
		}
		if near {
			stays++
			must(t, setting, "CHECKPOINT")
		} else {
			stays = 0
			must(t, setting, "SELECT pg_logical_emit_message(false, 'test', 'x'), pg_switch_wal()")
		}
		near = near && stays > 5
		for conn, want := range map[*pgx.Conn]int{g.from.Connect(t, "postgres"): 2, g.closed(t): 1} {
			var old int
			err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'
				AND clock_timestamp() - xact_start > '1 s' AND (state = 'active' OR clock_timestamp() - state_change > '1 s')`).Scan(&old)
			near = near && err == nil && old >= want
			postgres.Close(conn)
		}
		return near
	})
	said := g.forbids(t, "--max-pause", "1s", "--force", "way-back")
	from, closed := " on "+g.from.Name, " on "+g.to.Name
	g.wants(t, said, "prepared-transactions", `"it's"`+from, "COMMIT PREPARED 'it''s'", `"closed"`+closed)
	g.wants(t, said, "long-transactions", "active", fmt.Sprintf("pg_terminate_backend(%d)", active.PgConn().PID()), from,
		fmt.Sprintf("pg_terminate_backend(%d)", to.PgConn().PID()), closed)
	g.wants(t, said, "idle-in-transaction", "forgotten", fmt.Sprintf("pg_terminate_backend(%d)", idle.PgConn().PID()), from)
	g.wants(t, said, "slot-room", "of the 512 MB", "max_slot_wal_keep_size = -1", from)
	if strings.Contains(said["long-transactions"], "forgotten") {
		t.Error("a transaction is named by two guardrails")
	}
	g.from.Exec(t, "shop", "ROLLBACK PREPARED 'it''s'")
	must(t, g.closed(t), "ROLLBACK PREPARED 'closed'")
	g.letsGo(t, "--max-pause", "1s", "--force", "long-transactions,idle-in-transaction,slot-room,lag")

	cancel()
	if err := <-ended; err == nil {
		t.Error("the active transaction has ended by itself")
	}
	must(t, idle, "ROLLBACK")
	must(t, to, "ROLLBACK")
	must(t, setting, "ALTER SYSTEM RESET max_slot_wal_keep_size", "SELECT pg_reload_conf()")
}

// catalogs has what only the catalogs and the sequences show.
func (g *guarded) catalogs(t *testing.T) {
	t.Helper()
	g.from.Exec(t, "shop", `CREATE FUNCTION public."New; DROP"() RETURNS integer LANGUAGE sql AS 'SELECT 1'`, `ALTER ROLE owner CREATEDB`)
	g.from.Exec(t, "postgres", `CREATE DATABASE "late; DROP"`)
	said := g.forbids(t)
	g.wants(t, said, "schema-drift", `function public."New; DROP"() in database "shop"`, "role owner", "Only "+g.from.Name+" has it")
	g.wants(t, said, "databases", `"late; DROP"`)
	g.from.Exec(t, "shop", `DROP FUNCTION public."New; DROP"`, `ALTER ROLE owner NOCREATEDB`)
	g.from.Exec(t, "postgres", `DROP DATABASE "late; DROP"`)

	g.from.Exec(t, "shop", `ALTER TABLE public.child NO INHERIT public.empty`, `CREATE RULE keep AS ON DELETE TO public.big DO INSTEAD NOTHING`,
		`ALTER TABLE public.leaf FORCE ROW LEVEL SECURITY`, `ALTER VIEW public.seen SET (security_barrier)`)
	g.wants(t, g.forbids(t), "schema-drift", "table public.child", "table public.big", "table public.leaf", "view public.seen")
	g.from.Exec(t, "shop", `ALTER TABLE public.child INHERIT public.empty`, `DROP RULE keep ON public.big`,
		`ALTER TABLE public.leaf NO FORCE ROW LEVEL SECURITY`, `ALTER VIEW public.seen RESET (security_barrier)`)

	to := g.closed(t)
	g.from.Exec(t, "shop", `SELECT setval('public.wide', 2147483000)`)
	must(t, to, `DELETE FROM pg_statistic WHERE starelid = 'public.big'::regclass OR starelid = 'public.tree'::regclass`,
		`DELETE FROM pg_statistic_ext_data`,
		`BEGIN; LOCK TABLE public.big, public.tree, public.leaf IN SHARE UPDATE EXCLUSIVE MODE`) // else pgteal gathers them itself
	said = g.forbids(t)
	g.wants(t, said, "sequence-room", "647 of 2147483646 values", `public."Narrow; DROP".id of type integer`)
	g.wants(t, said, "statistics", "ANALYZE public.big", "ANALYZE public.tree", "ANALYZE public.leaf", "on "+g.to.Name)
	if strings.Contains(said["statistics"], "empty") {
		t.Error("an empty table needs no statistics")
	}
	g.letsGo(t, "--force", "sequence-room,statistics")
	g.from.Exec(t, "shop", `SELECT setval('public.wide', 1)`)
	must(t, to, "COMMIT")
	g.letsGo(t)

	must(t, to, `ALTER SYSTEM SET synchronous_standby_names = 'FIRST 2 (gone, lost)'`, `SELECT pg_reload_conf()`)
	g.wants(t, g.forbids(t), "synchronous-standbys", "0 synchronous standbys are connected where commits wait for 2")
	g.letsGo(t, "--force", "synchronous-standbys") // pgteal's own commits wait for none
	must(t, to, `ALTER SYSTEM RESET synchronous_standby_names`, `SELECT pg_reload_conf()`)
	postgres.Close(to)
	g.letsGo(t)
}

// otherWriters opens the closed side for a client, in every way.
func (g *guarded) otherWriters(t *testing.T) {
	t.Helper()
	to := g.closed(t)
	file := filepath.Join(g.to.Cluster.DataDirectory, "pg_hba.conf")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// Not truncated and written again: somebody may read it meanwhile.
	write := func(content []byte) {
		t.Helper()
		if err := os.WriteFile(file+".new", content, 0o644); err != nil { // the server runs as another user
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
		must(t, to, "SELECT pg_reload_conf()")
	}
	_, below, _ := strings.Cut(string(content), "# pgteal end\n")
	write([]byte("host all all all trust\n" + below))
	// Where a fence closed it, the connection limit keeps clients out as well.
	var limit int
	if err := to.QueryRow(t.Context(), "SELECT datconnlimit FROM pg_database WHERE datname = 'shop'").Scan(&limit); err != nil {
		t.Fatal(err)
	}
	must(t, to, "ALTER DATABASE shop CONNECTION LIMIT -1")
	var client *pgx.Conn
	pgtest.Eventually(t, patience, "a client gets in", func() bool {
		client, err = g.Client(t.Context(), g.to.Port, "shop")
		return err == nil
	})
	said := g.forbids(t)
	ending := fmt.Sprintf("pg_terminate_backend(%d)", client.PgConn().PID())
	g.wants(t, said, "other-writers", "no longer begins", "host all all all reject", ending, `user "app"`)
	write(content)
	said = g.forbids(t)
	g.wants(t, said, "other-writers", ending)
	postgres.Close(client)
	must(t, to, fmt.Sprintf("ALTER DATABASE shop CONNECTION LIMIT %d", limit))

	must(t, to, "ALTER ROLE ALL RESET default_transaction_read_only")
	g.wants(t, g.forbids(t), "other-writers", "default_transaction_read_only = on")
	must(t, to, "ALTER ROLE ALL SET default_transaction_read_only = on")

	if g.command == "switchover" { // 15 does not count conflicts
		must(t, to, `DELETE FROM public."Narrow; DROP" WHERE id = -1`)
		g.from.Exec(t, "shop", `UPDATE public."Narrow; DROP" SET what = 'changed' WHERE id = -1`)
		pgtest.Eventually(t, patience, "the conflict is counted", func() bool {
			var missing int
			err := to.QueryRow(t.Context(), `SELECT sum(confl_update_missing) FROM pg_stat_subscription_stats`).Scan(&missing)
			return err == nil && missing > 0
		})
		g.wants(t, g.forbids(t), "other-writers", "1 rows missing", "pgteal verify", "pg_stat_reset_subscription_stats")
		must(t, to, `INSERT INTO public."Narrow; DROP" VALUES (-1, 'changed')`,
			`SELECT pg_stat_reset_subscription_stats(subid) FROM pg_stat_subscription_stats`)
	}
	postgres.Close(to)
	g.letsGo(t)
}

// failedSubscription has a row on the closed side to which replication brings another.
func (g *guarded) failedSubscription(t *testing.T) {
	t.Helper()
	to := g.closed(t)
	must(t, to, `INSERT INTO public."Narrow; DROP" VALUES (5, 'in the way')`)
	g.from.Exec(t, "shop", `INSERT INTO public."Narrow; DROP" VALUES (5, 'from')`)
	// Its worker is started again and again, so it depends on the instant which of the two sees that it fails.
	said := g.forbids(t, "--max-pause", "6s", "--force", "way-back")
	text := said["lag"] + said["subscription"]
	if !strings.Contains(text, "has failed") || !strings.Contains(text, "duplicate key") && !strings.Contains(text, "insert_exists") {
		t.Errorf("%s: the subscription's error is not shown: %v", g.command, said)
	}
	must(t, to, `DELETE FROM public."Narrow; DROP" WHERE id = 5`)
	pgtest.Eventually(t, patience, "replication goes on", func() bool {
		var there bool
		err := to.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM public."Narrow; DROP" WHERE id = 5)`).Scan(&there)
		return err == nil && there
	})
	var name string
	if err := to.QueryRow(t.Context(), `SELECT subname FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid
		WHERE datname = 'shop'`).Scan(&name); err != nil {
		t.Fatal(err)
	}
	must(t, to, "ALTER SUBSCRIPTION "+postgres.Ident(name)+" DISABLE")
	g.wants(t, g.forbids(t, "--force", "lag,way-back"), "subscription", name, "ENABLE")
	must(t, to, "ALTER SUBSCRIPTION "+postgres.Ident(name)+" ENABLE")
	g.from.Exec(t, "shop", `DELETE FROM public."Narrow; DROP" WHERE id = 5`)
	postgres.Close(to)
}

// lag lets the apply worker wait for locks: once for longer than allowed, once for longer and longer.
func (g *guarded) lag(t *testing.T) {
	t.Helper()
	to := g.closed(t)
	must(t, to, "BEGIN", "LOCK TABLE pgteal.marker IN SHARE MODE")
	g.wants(t, g.forbids(t, "--max-pause", "1s", "--force", "way-back,long-transactions"), "lag", `"shop"`, "did not reach",
		"waits for a lock", fmt.Sprintf("pg_terminate_backend(%d)", to.PgConn().PID()))
	must(t, to, "ROLLBACK")
	marker, err := postgres.WriteMarker(t.Context(), g.from.Connect(t, "shop"))
	if err == nil {
		err = postgres.AwaitMarker(t.Context(), to, marker)
	}
	if err != nil {
		t.Fatal(err)
	}
	if g.command == "switchover" { // it takes long, and is the same the other way
		g.growingLag(t, to)
	}
	postgres.Close(to)
	g.letsGo(t)
}

// growingLag has holders of a lock that each hold it for longer than the one before.
func (g *guarded) growingLag(t *testing.T, to *pgx.Conn) {
	t.Helper()
	// Each waits for the lock behind the worker, to which the one before it gives way.
	seconds := []float64{2, 3, 4.5}
	holders := []*pgx.Conn{g.closed(t), g.closed(t), g.closed(t)}
	must(t, holders[0], "BEGIN", "LOCK TABLE pgteal.marker IN SHARE ROW EXCLUSIVE MODE")
	looking := g.look(t, "--max-pause", "14s", "--force", "way-back,long-transactions")
	for i, holder := range holders {
		pgtest.Eventually(t, patience, "the apply worker waits", func() bool {
			var waits bool
			err := to.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT granted
				AND relation = 'pgteal.marker'::regclass AND backend_type LIKE 'logical replication %')`).Scan(&waits)
			return err == nil && waits
		})
		var locked chan error
		if i+1 < len(holders) {
			locked = make(chan error, 1)
			go func() {
				_, err := holders[i+1].Exec(t.Context(), "BEGIN; LOCK TABLE pgteal.marker IN SHARE ROW EXCLUSIVE MODE", pgx.QueryExecModeSimpleProtocol)
				locked <- err
			}()
		}
		must(t, holder, fmt.Sprintf("SELECT pg_sleep(%g)", seconds[i]), "ROLLBACK")
		if locked != nil {
			if err := <-locked; err != nil {
				t.Fatal(err)
			}
		}
	}
	o := looking.end(t)
	o.wants(t, forbidden)
	g.wants(t, said(t, o), "lag", "falls behind", "longer and longer", "MB behind")
	for _, conn := range holders {
		postgres.Close(conn)
	}
}

// comparison has a row that only one side has, and a comparison that is too old.
func (g *guarded) comparison(t *testing.T) {
	t.Helper()
	to := g.closed(t)
	must(t, to, `DELETE FROM public."Narrow; DROP" WHERE id = -2`)
	o := begin(t, g.Site, "verify").end(t)
	o.says(t, "Narrow; DROP")
	g.wants(t, g.forbids(t), "mismatches", "found 1 differences")
	must(t, to, `INSERT INTO public."Narrow; DROP" VALUES (-2, 'b')`)
	postgres.Close(to)
	pgteal(t, done, g.Site, "verify")
	g.letsGo(t)

	g.Write(t, strings.Replace(g.Config(), "{max_pause: 20s}", "{max_pause: 20s, verify_fresh: 1ms}", 1))
	g.wants(t, g.forbids(t), "verification", "ago", "pgteal verify")
	g.letsGo(t, "--force", "verification")
	g.Write(t, g.Config())
}

// route stops PgBouncer.
func (g *guarded) route(t *testing.T) {
	t.Helper()
	g.Bouncer.Stop()
	pgteal(t, forbidden, g.Site, g.command).says(t, "pgbouncer 127.0.0.1", "cannot be reached")
	g.RestartBouncer(t)
	g.letsGo(t)
}

// lostSlot lets a slot come to its limit, which ends the upgrade.
func (g *guarded) lostSlot(t *testing.T) {
	t.Helper()
	to := g.closed(t)
	var name string
	if err := to.QueryRow(t.Context(), `SELECT subname FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid
		WHERE datname = 'shop'`).Scan(&name); err != nil {
		t.Fatal(err)
	}
	must(t, to, "ALTER SUBSCRIPTION "+postgres.Ident(name)+" DISABLE")
	from := g.from.Connect(t, "postgres")
	must(t, from, "ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'", "SELECT pg_reload_conf()")
	pgtest.Eventually(t, patience, "the slot is lost", func() bool {
		must(t, from, "SELECT pg_logical_emit_message(false, 'test', 'x'), pg_switch_wal()", "CHECKPOINT")
		var lost bool
		err := from.QueryRow(t.Context(), `SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = $1`, name).Scan(&lost)
		return err == nil && lost
	})
	g.wants(t, g.forbids(t, "--force", "lag,way-back"), "slot", name, "is lost", "pgteal abort")
	for _, guardrail := range []string{"slot", "subscription"} {
		pgteal(t, usage, g.Site, g.command, "--force", guardrail)
	}
}

// What keeps data from being lost cannot be overridden, and nothing else keeps its name from --force.
func TestForceTakesTheNamesOfGuardrails(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	all, overridable := switchover.Guardrails()
	for _, name := range append(all, "no-such") {
		o := begin(t, s, "switchover", "--force", name).end(t)
		if slices.Contains(overridable, name) {
			o.wants(t, forbidden) // nothing is prepared yet
			continue
		}
		o.wants(t, usage)
		o.says(t, fmt.Sprintf("%q", name), strings.Join(overridable, ", "))
	}
}
