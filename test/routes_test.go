package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgteal/pgteal/internal/audit"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/route/haproxy/process"
	"github.com/pgteal/pgteal/test/site"
)

// Three routes at once, there and back: clients behind PgBouncer see no error, clients behind HAProxy lose their sessions and nothing that was
// acknowledged, and a command of the operator's is called for each part of it.
func TestSeveralRoutesAtOnce(t *testing.T) {
	s := site.New(t, site.Options{})
	directory := pgtest.Directory(t)
	port := pgtest.FreePort(t)
	proxy, err := process.Start(t.Context(), directory, fmt.Sprintf(`defaults
	mode tcp
	timeout connect 5s
	timeout client 10m
	timeout server 10m
	load-server-state-from-file local
listen postgres
	bind 127.0.0.1:%d
	server-state-file-name %s/postgres.state
	server writer 127.0.0.1:%d
`, port, directory, s.Blue.Port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	script, calls := filepath.Join(directory, "move"), filepath.Join(directory, "calls")
	err = os.WriteFile(script, []byte(`#!/bin/sh
echo "$PGTEAL_ACTION ${PGTEAL_PORT-}" >> "$1"
case $PGTEAL_ACTION in where) exit 69;; esac
`), 0o755)
	if err != nil {
		t.Fatal(err)
	}
	s.Write(t, s.Config()+fmt.Sprintf("  - haproxy: {socket: %q, backend: postgres, state_file: %q}\n  - command: {run: [%q, %q]}\n",
		proxy.Socket, filepath.Join(directory, "postgres.state"), script, calls))

	held := s.Load(t, s.Bouncer.Port, 2)
	through := audit.Writer{
		ID: "haproxy", Work: audit.Transfer, Database: s.Databases[0], Directory: s.Logs(),
		Conninfo: fmt.Sprintf("host=127.0.0.1 port=%d user=%s sslmode=disable", port, site.App),
	}
	cut, err := audit.Start(t.Context(), through)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cut.Stop() })
	pgteal(t, done, s, "prepare")
	for _, command := range []string{"switchover", "rollback", "switchover"} {
		pgteal(t, done, s, command)
		site.AwaitWrites(t, held, 2)
		site.AwaitWrites(t, cut, 1)
	}
	if err := cut.Stop(); err != nil {
		t.Fatal(err)
	}
	v := s.Judge(t, held, s.Green(t))
	behind := v.Writers[through.ID]
	if v.Errors > behind.Errors {
		t.Errorf("clients behind PgBouncer saw %d errors", v.Errors-behind.Errors)
	}
	t.Logf("behind HAProxy: acknowledged %d, errors %d", behind.Acknowledged, behind.Errors)
	called, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{"hold \n", fmt.Sprintf("point %d\n", s.GreenPort), "release \n", "restore \n"} {
		if !strings.Contains(string(called), call) {
			t.Errorf("the command was not called for %q:\n%s", call, called)
		}
	}
	pgteal(t, done, s, "finish")
}
