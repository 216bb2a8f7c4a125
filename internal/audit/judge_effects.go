package audit

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// effects compare what operations did with the ledgers. Each returns the operations that are there in part.
var effects = []struct{ of, query string }{
	{
		// Every transfer has two entries, which cancel each other out.
		"transfer", `
		SELECT writer, op FROM (SELECT writer, op, count(*) AS times FROM ` + operations + ` WHERE work = 'transfer' GROUP BY writer, op) l
		FULL JOIN (SELECT writer, op, count(*) AS entries, sum(amount) AS sum FROM audit.entry GROUP BY writer, op) e USING (writer, op)
		WHERE coalesce(entries, 0) <> 2 * coalesce(times, 0) OR sum <> 0 ORDER BY writer, op`,
	}, {
		"large", `
		SELECT writer, op FROM (SELECT writer, op, max(rows) AS rows FROM ` + operations + ` WHERE work = 'large' GROUP BY writer, op) l
		FULL JOIN (SELECT writer, op, count(*) AS lines FROM audit.bulk GROUP BY writer, op) b USING (writer, op)
		WHERE coalesce(lines, 0) <> coalesce(rows, 0) ORDER BY writer, op`,
	}, {
		// The row is as the last operation on it left it. A writer has one operation under way at a time, so its numbers are their order.
		"single", `
		SELECT writer, coalesce(l.op, i.op) FROM (
			SELECT DISTINCT ON (writer, item) writer, item, op, work FROM ` + operations + ` WHERE item IS NOT NULL
			ORDER BY writer, item, op DESC) l
		FULL JOIN audit.item i USING (writer, item)
		WHERE CASE l.work WHEN 'delete' THEN i.op IS NOT NULL ELSE l.op IS DISTINCT FROM i.op END ORDER BY writer, 2`,
	}, {
		"ticket", `
		SELECT writer, op FROM (SELECT writer, op, count(*) AS times FROM ` + operations + ` WHERE work = 'ticket' GROUP BY writer, op) l
		FULL JOIN (SELECT writer, op, count(*) AS tickets FROM audit.ticket GROUP BY writer, op) t USING (writer, op)
		WHERE coalesce(times, 0) <> coalesce(tickets, 0) ORDER BY writer, op`,
	}, {
		"slip", `
		SELECT writer, op FROM (SELECT writer, op, count(*) AS times FROM ` + operations + ` WHERE work = 'slip' GROUP BY writer, op) l
		FULL JOIN (SELECT writer, op, count(*) AS slips FROM audit.slip GROUP BY writer, op) s USING (writer, op)
		WHERE coalesce(times, 0) <> coalesce(slips, 0) ORDER BY writer, op`,
	},
}

func (v *Verdict) judgeEffects(ctx context.Context, tx pgx.Tx) error {
	for _, e := range effects {
		rows, _ := tx.Query(ctx, e.query)
		var writer string
		var op int64
		_, err := pgx.ForEachRow(rows, []any{&writer, &op}, func() error {
			v.half(operationID(writer, op) + " (" + e.of + ")")
			return nil
		})
		if err != nil {
			return fmt.Errorf("look for operations of kind %q that are there in part: %w", e.of, err)
		}
	}
	return nil
}

// judgeSums checks the balances: all together never change, and each is what the entries make of it.
func (v *Verdict) judgeSums(ctx context.Context, tx pgx.Tx, database string) error {
	rows, _ := tx.Query(ctx, `
		SELECT 'the sum of all balances', $1::bigint, coalesce(sum(balance), 0)::bigint FROM audit.account
		UNION ALL
		SELECT 'the balance of account ' || id, (opening + coalesce(e.sum, 0))::bigint, balance FROM audit.account
		LEFT JOIN (SELECT account AS id, sum(amount) AS sum FROM audit.entry GROUP BY account) e USING (id)`, int64(accounts*opening))
	s := Sum{Database: database}
	_, err := pgx.ForEachRow(rows, []any{&s.Of, &s.Expected, &s.Found}, func() error {
		if s.Expected != s.Found {
			v.SumsBroken = append(v.SumsBroken, s)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("check the balances: %w", err)
	}
	return nil
}
