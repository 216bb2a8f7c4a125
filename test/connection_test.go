package test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgteal/pgteal/test/site"
)

// The operator's password, which has what trips careless quoting.
const secret = `s3cr:et'\ "Pass; word`

// remote makes a site whose configuration knows blue by a connection string alone, with a password in a file.
func remote(t *testing.T) *site.Site {
	t.Helper()
	s := site.New(t, site.Options{Settings: []string{"log_statement = all", "log_connections = on", "password_encryption = 'scram-sha-256'"}})
	s.Blue.Exec(t, "postgres", `SET log_statement = none; CREATE ROLE "Op""erator" SUPERUSER LOGIN REPLICATION PASSWORD '`+
		strings.ReplaceAll(secret, `'`, `''`)+`'`)
	hba := filepath.Join(s.Blue.Cluster.DataDirectory, "pg_hba.conf")
	rules := "local all all trust\nhost all app 127.0.0.1/32 trust\nhost all,replication all 127.0.0.1/32 scram-sha-256\n"
	if err := os.WriteFile(hba, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Blue.Exec(t, "postgres", "SELECT pg_reload_conf()")
	file := filepath.Join(s.Directory, "password")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	connection := "host=127.0.0.1 port=" + strconv.Itoa(s.Blue.Port) + ` user='Op"erator' sslmode=disable`
	blue := "  data_directory: " + strconv.Quote(s.Blue.Cluster.DataDirectory) + "\n"
	s.Write(t, strings.Replace(s.Config(), blue, "  connection: "+strconv.Quote(connection)+"\n  password_file: "+strconv.Quote(file)+"\n", 1))
	return s
}

// spy looks at the arguments and the environment of every process all the time.
type spy struct {
	stop  chan struct{}
	ended sync.WaitGroup
	seen  map[string]bool
}

func watch() *spy {
	w := &spy{stop: make(chan struct{}), seen: map[string]bool{}}
	w.ended.Go(func() {
		for tick := time.NewTicker(2 * time.Millisecond); ; {
			select {
			case <-w.stop:
				tick.Stop()
				return
			case <-tick.C:
			}
			files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well formed
			for _, file := range files {
				if content, err := os.ReadFile(file); err == nil { // it may have ended
					w.seen[string(content)] = true
				}
			}
		}
	})
	return w
}

func (w *spy) end() map[string]bool {
	close(w.stop)
	w.ended.Wait()
	return w.seen
}

// A blue of which only the address is known is cloned by a base backup, and no secret gets anywhere on the way.
func TestBlueByItsConnectionAloneAndNoSecretLeaks(t *testing.T) {
	s := remote(t)
	load := s.Load(t, s.Bouncer.Port, 4)
	spied := watch()
	var said []string
	run := func(args ...string) map[string]any {
		o := pgteal(t, done, s, append(args, "--json")...)
		said = append(said, o.stdout, o.stderr)
		return o.document(t)
	}
	run("check")
	run("plan")
	report := run("prepare")
	if method := at(t, report, "clone.method"); method != "basebackup" {
		t.Errorf("cloned by %v", method)
	}
	generated, err := os.ReadFile(filepath.Join(s.StateDirectory(), "site/secret"))
	if err != nil {
		t.Fatal(err)
	}
	run("status")
	run("verify")
	checkReport(t, run("switchover"), "local")
	run("finish")
	site.AwaitWrites(t, load, 4)
	s.Judge(t, load, s.Green(t))

	secrets := [][]byte{[]byte(secret), bytes.TrimSpace(generated)}
	if len(secrets[1]) < 20 {
		t.Fatalf("the generated password is %q", secrets[1])
	}
	find := func(where string, content []byte) {
		for _, hidden := range secrets {
			if bytes.Contains(content, hidden) {
				t.Errorf("a secret is in %s", where)
			}
		}
	}
	seen := spied.end()
	programs := 0
	for arguments := range seen {
		find("the arguments "+strings.ReplaceAll(arguments, "\x00", " "), []byte(arguments))
		if strings.Contains(arguments, s.Directory) {
			programs++
		}
	}
	if programs < 10 {
		t.Errorf("the spy saw %d programs at work", programs)
	}
	for _, text := range said {
		find("what pgteal said", []byte(text))
	}
	files := 0
	err = filepath.WalkDir(s.Directory, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path == filepath.Join(s.Directory, "password") || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		files++
		find(path, content)
		return err
	})
	if err != nil || files < 1000 {
		t.Errorf("looked into %d files, %v", files, err)
	}
}
