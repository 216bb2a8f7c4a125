package green

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/pgctl"
)

func TestSystemdTakesTheUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("needs systemd-analyze")
	}
	account, err := pgctl.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	for _, major := range []int{15, 18} {
		programs, err := pgctl.Find(major)
		if err != nil {
			t.Fatal(err)
		}
		s := systemd{unit: "postgresql-orders.service", g: Cluster{New: pgctl.Cluster{
			Programs: programs, Account: account, DataDirectory: `/srv/100% "mine" $HOME \ é/18`,
		}}}
		file := filepath.Join(t.TempDir(), s.unit)
		if err := os.WriteFile(file, []byte(s.text()), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", file).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "orders") {
				t.Errorf("%s\n%s", line, s.text())
			}
		}
		t.Logf("%v %s\n%s", err, out, s.text())
	}
}

func TestSetConfReplacesWhatStandsThere(t *testing.T) {
	for _, test := range []struct{ before, after string }{
		{"", "port = '5433'\n"},
		{"#port = 5432\t\t# (change requires restart)\n#portage\n", "port = '5433'\n#portage\n"},
		{"# port\nport=1\n#port = 5432\n", "# port\nport = '5433'\n#port = 5432\n"},
		{"Port 1", "port = '5433'"},
		{"port_x = 1", "port_x = 1\nport = '5433'\n"},
	} {
		if got := setConf(test.before, "port", "5433"); got != test.after {
			t.Errorf("%q became %q, wanted %q", test.before, got, test.after)
		}
	}
}
