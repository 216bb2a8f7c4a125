package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// taking is a value that a sequence gave to an operation.
type taking struct {
	value     int64
	operation string
}

// repeat is a value that a sequence gave to several operations.
type repeat struct {
	sequence string
	value    int64
}

// judgeSequences looks for values that a sequence gave twice: among those that clients were told, and among those in the tables
// without a unique key. That one operation is there twice with its value is not the sequence's doing, and counted elsewhere.
func (v *Verdict) judgeSequences(ctx context.Context, tx pgx.Tx, database string, taken map[string][]taking) error {
	repeats := map[repeat]string{}
	for sequence, takings := range taken {
		slices.SortFunc(takings, func(a, b taking) int {
			return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.operation, b.operation))
		})
		for i := 1; i < len(takings); i++ {
			if a, b := takings[i-1], takings[i]; a.value == b.value {
				repeats[repeat{sequence, a.value}] = a.operation + " and " + b.operation
			}
		}
	}
	for sequence, column := range map[string]string{"slip": "id", "countdown": "countdown"} {
		rows, _ := tx.Query(ctx, `SELECT `+column+`, string_agg(DISTINCT writer || '/' || op, ' and ') FROM audit.slip
			GROUP BY `+column+` HAVING count(DISTINCT (writer, op)) > 1`)
		var value int64
		var which string
		_, err := pgx.ForEachRow(rows, []any{&value, &which}, func() error {
			repeats[repeat{sequence, value}] = which
			return nil
		})
		if err != nil {
			return fmt.Errorf("look for values that a sequence gave twice: %w", err)
		}
	}
	var found []string
	for r, which := range repeats {
		found = append(found, fmt.Sprintf("value %d of sequence %s in database %q: %s", r.value, r.sequence, database, which))
	}
	slices.SortFunc(found, strings.Compare)
	for _, f := range found {
		v.duplicated(f)
	}
	return nil
}
