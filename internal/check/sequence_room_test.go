package check_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/check"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgtest"
)

// The guardrail of the switchover would tell only when a wider type has become a change of the schema.
func TestSequencesThatAreNearlyUsedUpAreToldBeforePrepare(t *testing.T) {
	t.Parallel()
	for _, major := range []int{13, 17} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, major)
			createDatabase(t, s, weird, `CREATE TABLE "Nar""row; DROP" (id serial PRIMARY KEY)`, `CREATE SEQUENCE "Us""ed; DROP"`,
				`CREATE SEQUENCE cycles CYCLE`, `CREATE SEQUENCE young`, `CREATE SEQUENCE unused START 9223372036854775807`,
				`SELECT setval('"Nar""row; DROP_id_seq"', 2147483000), setval('"Us""ed; DROP"', 9223372036854775807), setval('cycles', 9223372036854775807),
					nextval('young')`,
				`DO $$ BEGIN FOR i IN 1..400 LOOP EXECUTE format('CREATE SEQUENCE many_%s; SELECT nextval(''many_%s'')', i, i); END LOOP; END $$`)
			found := with("sequence-room", runTarget(t, check.Target{Blue: s.Server, To: 18}))
			want(t, found, "sequence-room", finding.Nothing, `sequence public."Nar""row; DROP_id_seq" in database "We""ird; DROP"`,
				"Give it room before pgteal prepare: ALTER SEQUENCE ... AS bigint and ALTER TABLE")
			want(t, found, "sequence-room", finding.Nothing, `sequence public."Us""ed; DROP" in database "We""ird; DROP"`,
				`Give it room before pgteal prepare: ALTER SEQUENCE public."Us""ed; DROP" with other bounds, RESTART or CYCLE`)
			if len(found) != 2 || !strings.Contains(show(found), "--force sequence-room") {
				t.Errorf("found\n%s", show(found))
			}
			asNobody := s.As("nobody", "", "")
			s.Exec(t, "postgres", `CREATE ROLE nobody LOGIN IN ROLE pg_read_all_settings`)
			if found, err := check.Run(t.Context(), check.Target{Blue: asNobody, To: 18}); err != nil {
				t.Errorf("as a role that may not read them: %v\n%s", err, show(found.Findings))
			}
		})
	}
}
