package audit_test

import (
	"strings"
	"testing"
)

// counts are those of a verdict; -1 stands for any.
type counts struct{ lost, duplicated, phantom, half, sums int }

// damages are done to the database with the hostile name, where writers called b-WORK have written.
var damages = []struct {
	name   string
	do     string
	mend   string
	want   []string // in the line that names the damage
	counts counts
}{
	{
		"an acknowledged row is gone from the ledger with a key",
		`CREATE TABLE x AS SELECT * FROM audit.ledger WHERE writer = 'b-heartbeat' AND op = 10;
		DELETE FROM audit.ledger WHERE writer = 'b-heartbeat' AND op = 10`,
		`INSERT INTO audit.ledger TABLE x`,
		[]string{"1 lost (b-heartbeat/10)"},
		counts{lost: 1},
	}, {
		"all operations of a writer are gone",
		`CREATE TABLE x AS SELECT * FROM audit.ledger WHERE writer = 'b-heartbeat';
		DELETE FROM audit.ledger WHERE writer = 'b-heartbeat';
		CREATE TABLE y AS SELECT * FROM audit.ledger_bare WHERE writer = 'b-heartbeat';
		DELETE FROM audit.ledger_bare WHERE writer = 'b-heartbeat'`,
		`INSERT INTO audit.ledger TABLE x; INSERT INTO audit.ledger_bare TABLE y`,
		[]string{"b-heartbeat/1, b-heartbeat/2, ", "b-heartbeat/20)"},
		counts{lost: -1},
	}, {
		"a whole transaction is gone",
		`CREATE TABLE x AS SELECT * FROM audit.ledger_bare WHERE writer = 'b-sequence' AND op = 11;
		DELETE FROM audit.ledger_bare WHERE writer = 'b-sequence' AND op = 11;
		CREATE TABLE y AS SELECT * FROM audit.slip WHERE writer = 'b-sequence' AND op = 11;
		DELETE FROM audit.slip WHERE writer = 'b-sequence' AND op = 11`,
		`INSERT INTO audit.ledger_bare TABLE x; INSERT INTO audit.slip OVERRIDING SYSTEM VALUE TABLE y`,
		[]string{"1 lost (b-sequence/11)"},
		counts{lost: 1},
	}, {
		"an operation is in the bare ledger twice",
		`INSERT INTO audit.ledger_bare SELECT * FROM audit.ledger_bare WHERE writer = 'b-heartbeat' AND op = 7`,
		`DELETE FROM audit.ledger_bare WHERE ctid = (SELECT max(ctid) FROM audit.ledger_bare WHERE writer = 'b-heartbeat' AND op = 7)`,
		[]string{"1 duplicated (b-heartbeat/7)"},
		counts{duplicated: 1},
	}, {
		"a whole transaction was applied twice",
		`INSERT INTO audit.ledger_bare SELECT * FROM audit.ledger_bare WHERE writer = 'b-transfer' AND op = 7;
		INSERT INTO audit.entry SELECT * FROM audit.entry WHERE writer = 'b-transfer' AND op = 7`,
		`DELETE FROM audit.ledger_bare WHERE ctid = (SELECT max(ctid) FROM audit.ledger_bare WHERE writer = 'b-transfer' AND op = 7);
		DELETE FROM audit.entry WHERE ctid IN (
			SELECT ctid FROM audit.entry WHERE writer = 'b-transfer' AND op = 7 ORDER BY ctid DESC LIMIT 2)`,
		[]string{"1 duplicated (b-transfer/7)", "the balance of account "},
		counts{duplicated: 1, sums: 2},
	}, {
		"a balance is wrong",
		`UPDATE audit.account SET balance = balance + 5 WHERE id = 42`,
		`UPDATE audit.account SET balance = balance - 5 WHERE id = 42`,
		[]string{`the sum of all balances in database "We\"ird; DROP" is 100005, not 100000`, "the balance of account 42 in database"},
		counts{sums: 2},
	}, {
		"a transfer arrived in half",
		`CREATE TABLE x AS SELECT * FROM audit.entry WHERE writer = 'b-transfer' AND op = 9 LIMIT 1;
		UPDATE audit.entry e SET amount = 12345 FROM x WHERE (e.writer, e.op, e.account) = (x.writer, x.op, x.account);
		UPDATE audit.account SET balance = balance - amount + 12345 FROM x WHERE id = account`,
		`UPDATE audit.entry e SET amount = x.amount FROM x WHERE (e.writer, e.op, e.account) = (x.writer, x.op, x.account);
		UPDATE audit.account SET balance = balance + amount - 12345 FROM x WHERE id = account`,
		[]string{"1 half applied (b-transfer/9 (transfer))", "the sum of all balances"},
		counts{half: 1, sums: 1},
	}, {
		"a large transaction arrived but for a row",
		`CREATE TABLE x AS SELECT * FROM audit.bulk WHERE writer = 'b-large' AND op = 8 AND line = 50;
		DELETE FROM audit.bulk WHERE writer = 'b-large' AND op = 8 AND line = 50`,
		`INSERT INTO audit.bulk TABLE x`,
		[]string{"1 half applied (b-large/8 (large))"},
		counts{half: 1},
	}, {
		"an update is undone",
		`CREATE TABLE x AS SELECT * FROM audit.item ORDER BY item LIMIT 1;
		UPDATE audit.item i SET op = i.op - 1 FROM x WHERE (i.writer, i.item) = (x.writer, x.item)`,
		`UPDATE audit.item i SET op = i.op + 1 FROM x WHERE (i.writer, i.item) = (x.writer, x.item)`,
		[]string{"1 half applied (b-single/", "(single)"},
		counts{half: 1},
	}, {
		"a deleted row is back",
		`INSERT INTO audit.item SELECT writer, item, op - 1, 'back' FROM (TABLE audit.ledger UNION ALL TABLE audit.ledger_bare) l
		WHERE work = 'delete' LIMIT 1`,
		`DELETE FROM audit.item WHERE note = 'back'`,
		[]string{"1 half applied (b-single/"},
		counts{half: 1},
	}, {
		"a ticket without its ledger row, of a writer without a log",
		`INSERT INTO audit.ticket (writer, op) VALUES ('nobody', 5)`,
		`DELETE FROM audit.ticket WHERE writer = 'nobody'`,
		[]string{"1 half applied (nobody/5 (ticket))"},
		counts{half: 1},
	}, {
		"a sequence gave a value twice",
		`CREATE TABLE x AS SELECT countdown FROM audit.slip WHERE op = 9;
		UPDATE audit.slip SET countdown = (SELECT countdown FROM audit.slip WHERE op = 7) WHERE op = 9`,
		`UPDATE audit.slip SET countdown = x.countdown FROM x WHERE op = 9`,
		[]string{`1 duplicated (value -4 of sequence countdown in database "We\"ird; DROP": b-sequence/7 and b-sequence/9)`},
		counts{duplicated: 1},
	}, {
		"operations that were never intended",
		`INSERT INTO audit.ledger (writer, op, work) VALUES ('b-heartbeat', 99999999, 'heartbeat'), ('nobody', 1, 'heartbeat')`,
		`DELETE FROM audit.ledger WHERE op = 99999999 OR writer = 'nobody'`,
		[]string{"2 phantom (b-heartbeat/99999999 (never intended), nobody/1 (a writer without a log))"},
		counts{phantom: 2},
	},
}

// Every damage is done to the same run, looked for, and mended.
func TestDamageIsFoundAndNamed(t *testing.T) {
	s := newServer(t, 17)
	directory := t.TempDir()
	all := append(writers(s, directory, "a-", "postgres"), writers(s, directory, "b-", weird)...)
	load := start(t, all...)
	untilEach(t, load, all, 25)
	stop(t, load)
	if v := judge(t, directory, s); !v.Clean() {
		t.Fatal(v.Damage())
	}
	for _, damage := range damages {
		t.Run(damage.name, func(t *testing.T) {
			s.Exec(t, weird, damage.do)
			v := judge(t, directory, s)
			got := counts{int(v.Lost), int(v.Duplicated), int(v.Phantom), int(v.Half), len(v.SumsBroken)}
			if damage.counts.lost < 0 && v.Lost == v.Writers["b-heartbeat"].Acknowledged {
				got.lost = damage.counts.lost
			}
			if got != damage.counts {
				t.Errorf("%+v, not %+v: %s", got, damage.counts, v.Damage())
			}
			for _, want := range damage.want {
				if !strings.Contains(v.Damage(), want) {
					t.Errorf("%q does not say %q", v.Damage(), want)
				}
			}
			s.Exec(t, weird, damage.mend+"; DROP TABLE IF EXISTS x, y")
			if v := judge(t, directory, s); !v.Clean() {
				t.Errorf("mended: %s", v.Damage())
			}
		})
	}
}
