package test

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/test/site"
)

// Clients with several hosts in their connection string find the writer by themselves: real psqls, of an old and a new libpq, land on blue,
// on green after the switchover, and on blue again after the rollback. What pgteal did to blue's addresses for that is taken back.
func TestLibpqWithSeveralHostsFollowsThereAndBack(t *testing.T) {
	s := site.New(t, site.Options{Direct: true})
	connection := fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d user=app dbname=shop target_session_attrs=read-write", s.Blue.Port, s.GreenPort)
	s.Write(t, s.Config()+fmt.Sprintf("routes:\n  - libpq: {connection: %q}\n", connection))
	before := s.Look(t)
	land := func(port int) {
		t.Helper()
		for _, major := range []int{15, 18} {
			programs, err := pgctl.Find(major)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), programs.Path("psql"), "--no-psqlrc", "-At", "-c", "SELECT inet_server_port()",
				connection+" connect_timeout=10")
			out, err := cmd.CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != strconv.Itoa(port) {
				t.Errorf("psql %d lands on %q (%v), not on port %d", major, got, err, port)
			}
		}
	}
	pgteal(t, done, s, "prepare")
	land(s.Blue.Port)
	pgteal(t, done, s, "switchover")
	land(s.GreenPort)
	pgteal(t, done, s, "rollback")
	land(s.Blue.Port)
	pgteal(t, done, s, "abort")
	before.Check(t, s.Look(t))

	pgteal(t, done, s, "prepare")
	pgteal(t, done, s, "switchover")
	pgteal(t, done, s, "finish")
	land(s.GreenPort)
	for _, trace := range s.Traces(t, s.Green(t)) {
		t.Error("left on green: ", trace)
	}
}
