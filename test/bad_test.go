package test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/test/site"
)

// What is wrong with a configuration or its surroundings is said, with the exit code that goes with it, and blue is not touched.
func TestBadInput(t *testing.T) {
	s := site.New(t, site.Options{})
	good := s.Config()
	old, err := pgctl.Find(s.From)
	if err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(s.Directory, "empty")
	full := filepath.Join(s.Directory, "full")
	for _, directory := range []string{empty, filepath.Join(full, "something")} {
		if err := os.MkdirAll(directory, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // nobody has connected
	takenPort := strings.TrimPrefix(taken.Addr().String(), "127.0.0.1:")

	blue := fmt.Sprintf("blue:\n  data_directory: %q\n", s.Blue.Cluster.DataDirectory)
	connection := func(rest string) [2]string {
		return [2]string{blue, fmt.Sprintf("blue:\n  connection: %q\n", "host=127.0.0.1 sslmode=disable "+rest)}
	}
	green := fmt.Sprintf("{data_directory: %q, port: %d, ", filepath.Join(s.Directory, "green"), s.GreenPort)
	s.Blue.Exec(t, "postgres", "CREATE ROLE \"not super\" LOGIN CREATEROLE CREATEDB REPLICATION")
	found := s.Look(t)
	for name, c := range map[string]struct {
		change [2]string // of the good configuration: what stands in place of what
		code   fault.Kind
		says   []string
	}{
		"unknown key":        {[2]string{"upgrade: site\n", "upgrade: site\nupgrades: x\n"}, usage, []string{"upgrades", "pgteal.yaml"}},
		"unknown key within": {[2]string{"service: pg_ctl", "service: pg_ctl, prot: 1"}, usage, []string{"prot"}},
		"no YAML":            {[2]string{good, "{{{"}, usage, []string{"pgteal.yaml"}},
		"empty":              {[2]string{good, ""}, usage, []string{"pgteal.yaml"}},
		"no name":            {[2]string{"upgrade: site", "upgrade: ../x"}, usage, []string{"upgrade"}},
		"green is blue": {
			[2]string{green, fmt.Sprintf("{data_directory: %q, port: 1, ", s.Blue.Cluster.DataDirectory)}, usage, []string{"green.data_directory"},
		},
		"another major's bin_directory": {[2]string{green, green + fmt.Sprintf("bin_directory: %q, ", old.Directory)}, usage, []string{old.Directory, "15"}},
		"empty bin_directory":           {[2]string{green, green + fmt.Sprintf("bin_directory: %q, ", empty)}, usage, []string{empty}},
		"missing bin_directory":         {[2]string{green, green + "bin_directory: /nowhere, "}, usage, []string{"/nowhere"}},
		"blue's bin_directory":          {[2]string{blue, blue + "  bin_directory: /nowhere\n"}, usage, []string{"/nowhere"}},
		"major that is not here":        {[2]string{"to: 18", "to: 99"}, usage, []string{"99"}},
		"no newer major":                {[2]string{"to: 18", "to: 15"}, forbidden, []string{"not newer"}},
		"older major":                   {[2]string{"to: 18", "to: 13"}, forbidden, []string{"not newer"}},
		"data directory that is none":   {[2]string{blue, "blue:\n  data_directory: /nowhere\n"}, usage, []string{"/nowhere", "blue.data_directory"}},
		"data directory without server": {[2]string{blue, fmt.Sprintf("blue:\n  data_directory: %q\n", empty)}, usage, []string{empty}},
		"unreachable blue": {
			connection("port=" + strconv.Itoa(pgtest.FreePort(t)) + " user=postgres"), failed, []string{"connect to blue", "blue.connection"},
		},
		"unknown role":                  {connection(fmt.Sprintf("port=%d user=nobody_here", s.Blue.Port)), failed, []string{"nobody_here"}},
		"no superuser":                  {connection(fmt.Sprintf("port=%d user='not super'", s.Blue.Port)), forbidden, []string{`"not super"`, "SUPERUSER"}},
		"password in the configuration": {connection(fmt.Sprintf("port=%d user=postgres password=hush-hush", s.Blue.Port)), usage, []string{"password_file"}},
		"password in a URL": {
			[2]string{blue, fmt.Sprintf("blue:\n  connection: postgres://postgres:hush-hush@127.0.0.1:%d\n", s.Blue.Port)}, usage, []string{"password_file"},
		},
		"password file that is missing": {[2]string{blue, blue + "  password_file: /nowhere\n"}, usage, []string{"/nowhere"}},
		"port that is taken": {
			[2]string{fmt.Sprintf("port: %d", s.GreenPort), "port: " + takenPort}, forbidden, []string{"port " + takenPort, "green.port"},
		},
		"green's directory is in use": {
			[2]string{strconv.Quote(filepath.Join(s.Directory, "green")), strconv.Quote(full)}, forbidden, []string{full, "not empty"},
		},
		"state directory that cannot be": {
			[2]string{strconv.Quote(s.StateDirectory()), strconv.Quote(filepath.Join(s.File, "x"))}, usage, []string{"state_directory"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, c.change[0], c.change[1], 1)
			if text == good {
				t.Fatalf("the configuration does not hold %q", c.change[0])
			}
			s.Write(t, text)
			for _, command := range []string{"check", "prepare"} {
				o := pgteal(t, c.code, s, command)
				o.says(t, c.says...)
				if strings.Contains(o.stdout+o.stderr, "hush-hush") {
					t.Error("it says the password")
				}
				if !strings.Contains(o.stderr, "pgteal: ") && c.code != forbidden {
					t.Errorf("it says no error: %s", o.stderr)
				}
			}
		})
	}
	s.Write(t, good)
	found.Check(t, s.Look(t))
}

func TestBadCommandLines(t *testing.T) {
	for _, args := range [][]string{
		{"check", "--config", "/nowhere/pgteal.yaml"},
		{"status", "--config", "/nowhere/pgteal.yaml"},
		{"check", "--confg", "x"},
		{"check", "more"},
		{"chekc"},
		{"switchover", "--max-pause", "x"},
		{"demo", "--from", "18", "--to", "15"},
		{"demo", "--from", "99"},
		{"demo", "--provider", "elsewhere"},
		{"demo", "--scale", "0"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			o := start(t, nil, args...).end(t)
			o.wants(t, usage)
			o.says(t, "pgteal: ")
			if o.stdout != "" {
				t.Errorf("it prints %q on standard output", o.stdout)
			}
		})
	}
	o := start(t, nil, "check", "--json", "--config", "/nowhere/pgteal.yaml").end(t)
	o.wants(t, usage)
	if n := number(t, o.document(t), "exit_code"); n != float64(usage) {
		t.Errorf("the document says exit code %v", n)
	}
}

// A disk that is too small is found before anything is copied to it.
func TestTooLittleSpaceIsFoundBeforeTheClone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting an image needs root")
	}
	s := site.New(t, site.Options{})
	image, mount := filepath.Join(s.Directory, "image"), filepath.Join(s.Directory, "disk")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, do := range [][]string{
		{"truncate", "-s", "100M", image}, {"mkfs.ext4", "-q", image}, {"mkdir", mount}, {"mount", "-o", "loop", image, mount},
	} {
		if out, err := exec.Command(do[0], do[1:]...).CombinedOutput(); err != nil {
			t.Skipf("this host makes no small disk: %v: %v: %s", do, err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", mount).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	s.Write(t, strings.Replace(s.Config(), strconv.Quote(filepath.Join(s.Directory, "green")), strconv.Quote(filepath.Join(mount, "green")), 1))
	found := s.Look(t)
	pgteal(t, forbidden, s, "check").says(t, mount, "MB are free")
	pgteal(t, forbidden, s, "prepare").says(t, "MB are free")
	found.Check(t, s.Look(t))
}

// One upgrade is one process's at a time, one blue is one upgrade's.
func TestPgtealsKeepOutOfEachOthersWay(t *testing.T) {
	s := site.New(t, site.Options{})
	good := s.Config()
	conn := s.Blue.Connect(t, "shop")
	if _, err := conn.Exec(t.Context(), "BEGIN; INSERT INTO audit.probe VALUES ('open', 1)"); err != nil {
		t.Fatal(err)
	}
	first := begin(t, s, "prepare") // its slots wait for that transaction
	pgtest.Eventually(t, patience, "the first pgteal waits", func() bool {
		content, err := os.ReadFile(first.err.Name())
		return err == nil && strings.Contains(string(content), "open transaction")
	})
	pgteal(t, failed, s, "prepare").says(t, "another pgteal works on the upgrade")
	pgteal(t, failed, s, "abort").says(t, "another pgteal works on the upgrade")
	pgteal(t, done, s, "status").says(t, "slot")
	s.Write(t, strings.Replace(good, s.StateDirectory(), s.StateDirectory()+"2", 1))
	pgteal(t, failed, s, "prepare").says(t, "another pgteal works on blue")
	s.Write(t, good)

	// An interrupted one says so, and goes on when it is run again.
	if err := first.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	first.end(t).wants(t, failed)
	if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	// What is in blue belongs to the first upgrade, also while none runs. The second one does not so much as scratch it.
	if err := os.RemoveAll(s.StateDirectory() + "2"); err != nil {
		t.Fatal(err)
	}
	found := s.Look(t)
	s.Write(t, strings.Replace(good, s.StateDirectory(), s.StateDirectory()+"2", 1))
	pgteal(t, forbidden, s, "prepare").says(t, "another upgrade")
	pgteal(t, done, s, "abort")
	if err := os.RemoveAll(s.StateDirectory() + "2"); err != nil {
		t.Fatal(err)
	}
	s.Write(t, good)
	found.Check(t, s.Look(t))
	s.Write(t, strings.Replace(good, "to: 18", "to: 17", 1))
	pgteal(t, usage, s, "prepare").says(t, "begun to PostgreSQL 18")
	other := site.New(t, site.Options{Direct: true})
	other.Write(t, strings.Replace(other.Config(), other.StateDirectory(), s.StateDirectory(), 1))
	found = other.Look(t)
	for _, command := range []string{"prepare", "abort"} {
		pgteal(t, usage, other, command).says(t, "system identifier")
	}
	found.Check(t, other.Look(t))
	s.Write(t, good)
	pgteal(t, done, s, "prepare")
}
