package clone_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider/local/clone"
)

func TestThePasswordIsInNoArgument(t *testing.T) {
	dir := pgtest.Directory(t)
	blue := startBlue(t, dir, 15)
	const password = `se\cr:et 'x'`
	blue.Exec(t, "postgres", `CREATE ROLE "o'p:s" SUPERUSER LOGIN PASSWORD `+postgres.Literal(password),
		`CREATE TABLE public.big AS SELECT repeat('x', 1000) FROM generate_series(1, 30000)`)
	hba := filepath.Join(blue.Cluster.DataDirectory, "pg_hba.conf")
	rules := "host all postgres all trust\nhost all all all scram-sha-256\nhost replication all all scram-sha-256\n"
	if err := os.WriteFile(hba, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	blue.Exec(t, "postgres", `SELECT pg_reload_conf()`)
	server, err := postgres.Open("blue",
		fmt.Sprintf(`host=127.0.0.1 port=%d user='o\'p:s' password='se\\cr:et \'x\'' sslmode=disable`, blue.Port))
	if err != nil {
		t.Fatal(err)
	}
	source := clone.Source{Server: server, Programs: blue.Cluster.Programs, Cluster: pgctl.Cluster{}}
	target := targetIn(t, dir)
	target.MaxRate = 20000
	looked := 0
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	report := progress.Reporter(func(progress.Event) {
		commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, command := range commands {
			content, _ := os.ReadFile(command) // it may have ended
			if strings.Contains(string(content), password) {
				t.Errorf("the password is in the arguments of %s", content)
			}
			if strings.Contains(string(content), "pg_basebackup") {
				looked++
			}
		}
	})
	if _, err := clone.Run(ctx, source, target, clone.BaseBackup, 0, report.Step("clone")); err != nil {
		t.Fatal(err)
	}
	if looked == 0 {
		t.Error("pg_basebackup was never seen")
	}
	found, err := filepath.Glob(filepath.Join(target.DataDirectory, "*pass*"))
	if err != nil || found != nil {
		t.Errorf("left behind: %v, %v", found, err)
	}
	recovered(t, clusterOf(blue, target))
}
