package check_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/pgtest"
)

func TestApplyDoesNotKnowTheTableoid(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, major)
			blue, green := subscribe(t, s, `CREATE TABLE t (id int PRIMARY KEY, own bool GENERATED ALWAYS AS (tableoid = 0) STORED)`)
			if _, err := blue.Exec(t.Context(), `INSERT INTO t VALUES (1)`); err != nil {
				t.Fatal(err)
			}
			pgtest.Eventually(t, time.Minute, "the row is there, with another value", func() bool {
				return count(t, green, `t WHERE own`) == 1
			})
			if n := count(t, blue, `t WHERE own`); n != 0 {
				t.Errorf("blue has it, too")
			}
		})
	}
}
