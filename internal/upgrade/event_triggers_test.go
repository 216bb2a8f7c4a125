package upgrade_test

import (
	"strings"
	"testing"

	"github.com/pgteal/pgteal/test/site"
)

// Event triggers that refuse all DDL do not stand in pgteal's way: ordinary ones anywhere, and from 17 on those that fire always.
func TestEventTriggersDoNotFireForPgteal(t *testing.T) {
	for _, test := range []struct {
		name     string
		from, to int
		enable   string
	}{{"ordinary", 13, 15, "ENABLE"}, {"always", 17, 18, "ENABLE ALWAYS"}} {
		t.Run(test.name, func(t *testing.T) {
			s := site.New(t, site.Options{From: test.from, To: test.to, Direct: true})
			setup := []string{
				`CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''% is refused'', tg_tag; END'`,
				`CREATE FUNCTION public.keep_out() RETURNS event_trigger LANGUAGE plpgsql AS
					'BEGIN IF session_user = ''pgteal'' THEN RAISE ''it is kept out''; END IF; END'`,
				`CREATE EVENT TRIGGER a ON ddl_command_start EXECUTE FUNCTION public.refuse()`, `ALTER EVENT TRIGGER a ` + test.enable,
				`CREATE EVENT TRIGGER b ON ddl_command_end EXECUTE FUNCTION public.refuse()`, `ALTER EVENT TRIGGER b ` + test.enable,
				`CREATE EVENT TRIGGER c ON sql_drop EXECUTE FUNCTION public.refuse()`, `ALTER EVENT TRIGGER c ` + test.enable,
			}
			if test.from >= 17 { // nor when it logs in
				setup = append(setup, `CREATE EVENT TRIGGER d ON login EXECUTE FUNCTION public.keep_out()`, `ALTER EVENT TRIGGER d `+test.enable)
			}
			for _, database := range s.Databases {
				s.Blue.Exec(t, database, setup...)
			}
			found := s.Look(t)
			succeed(t, s, "prepare")
			succeed(t, s, "abort")
			found.Check(t, s.Look(t))
			for _, command := range []string{"prepare", "switchover", "rollback", "switchover", "finish"} {
				succeed(t, s, command)
			}
			if traces := s.Traces(t, s.Green(t)); len(traces) > 0 {
				t.Errorf("left on green: %q", traces)
			}
		})
	}
}

func TestAnEventTriggerThatFiresAlwaysIsRefused(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	s.Blue.Exec(t, "shop",
		`CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''% is refused'', tg_tag; END'`,
		`CREATE EVENT TRIGGER always ON ddl_command_start EXECUTE FUNCTION public.refuse()`, `ALTER EVENT TRIGGER always ENABLE ALWAYS`)
	found := s.Look(t)
	said, err := spawn(t, s, "prepare", point{})
	if err == nil || !strings.Contains(said, "ALTER EVENT TRIGGER always ENABLE;") {
		t.Errorf("prepare: %v\n%s", err, said)
	}
	succeed(t, s, "abort")
	found.Check(t, s.Look(t))
}
