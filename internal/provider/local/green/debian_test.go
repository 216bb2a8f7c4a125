package green_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/provider/local/green"
)

// namespaceVariable says that this process already runs in a mount namespace of its own.
const namespaceVariable = "PGTEAL_TEST_NAMESPACE"

func inNamespace() bool { return os.Getenv(namespaceVariable) != "" }

// TestGreenBecomesAClusterOfDebians runs again in a private mount namespace, where Debian's directories are empty ones and
// the programs of 15 and 18 are where Debian's packages put them. The host's own clusters stay out of sight.
func TestGreenBecomesAClusterOfDebians(t *testing.T) {
	if inNamespace() {
		testDebian(t)
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, for a mount namespace")
	}
	if _, err := exec.LookPath("/usr/bin/pg_createcluster"); err != nil {
		t.Skip("needs Debian's postgresql-common")
	}
	if err := exec.CommandContext(t.Context(), "unshare", "-m", "true").Run(); err != nil {
		t.Skipf("needs mount namespaces: %v", err)
	}
	host := func() string {
		return run(t, "find", "/etc/postgresql", "/etc/apt", "/var/log/postgresql", "/var/lib/postgresql", "-maxdepth", "3",
			"-printf", "%p %s %T@\n")
	}
	before := host()
	cmd := exec.CommandContext(t.Context(), "unshare", "-m", "--propagation", "private",
		os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), namespaceVariable+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
	if after := host(); after != before {
		t.Errorf("the host's files changed:\n%s\n%s", before, after)
	}
}

// debianHost makes this mount namespace a Debian host with the packages of 15 and 18 and no cluster.
func debianHost(t *testing.T) {
	t.Helper()
	account, err := pgctl.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	mount := func(source, target, kind string, flags uintptr) {
		if err := os.MkdirAll(target, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount(source, target, kind, flags, ""); err != nil {
			t.Fatalf("mount %s: %v", target, err)
		}
	}
	places := map[int]string{}
	for _, major := range []int{15, 18} {
		programs, err := pgctl.Find(major)
		if err != nil {
			t.Fatal(err)
		}
		places[major] = filepath.Dir(programs.Directory)
		if strings.HasPrefix(places[major], "/usr/lib/postgresql/") { // the mounts below hide it
			kept := filepath.Join("/mnt", fmt.Sprint(major))
			if len(places) == 1 {
				mount("tmpfs", "/mnt", "tmpfs", 0)
			}
			mount(places[major], kept, "", syscall.MS_BIND)
			places[major] = kept
		}
	}
	for _, place := range []string{
		"/etc/postgresql", "/etc/apt", "/var/log/postgresql", "/var/lib/postgresql", "/run/postgresql", "/usr/lib/postgresql",
	} {
		mount("tmpfs", place, "tmpfs", 0)
	}
	if err := os.MkdirAll("/etc/apt/apt.conf.d", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{"/etc/postgresql", "/var/lib/postgresql", "/run/postgresql", "/var/log/postgresql"} {
		if err := account.Own(place); err != nil {
			t.Fatal(err)
		}
	}
	for major, place := range places {
		target := fmt.Sprintf("/usr/lib/postgresql/%d", major)
		if strings.HasPrefix(place, "/mnt/") {
			mount(place, target, "", syscall.MS_BIND)
		} else if err := os.Symlink(place, target); err != nil { // unpacked programs look for their libraries from where they really are
			t.Fatal(err)
		}
	}
}

func testDebian(t *testing.T) {
	t.Helper()
	debianHost(t)
	port := pgtest.FreePort(t)
	run(t, "pg_createcluster", "-p", fmt.Sprint(port), "15", "main", "--", "--no-sync")
	config := "/etc/postgresql/15/main"
	file, err := os.OpenFile(config+"/conf.d/mine.conf", os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(file, "wal_level = logical\nwork_mem = 42MB\nfsync = off\n")
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	account, err := pgctl.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	programs := func(major int) pgctl.Programs {
		p, err := pgctl.Find(major)
		if err != nil || !strings.HasPrefix(p.Directory, "/usr/lib/postgresql/") {
			t.Fatal(p, err)
		}
		return p
	}
	blue := pgctl.Cluster{Programs: programs(15), Account: account, DataDirectory: "/var/lib/postgresql/15/main", ConfigDirectory: config}
	run(t, "pg_ctlcluster", "15", "main", "start")
	t.Cleanup(func() { _ = exec.Command("pg_ctlcluster", "15", "main", "stop").Run() })
	asPostgres := func(port int, sql string) string {
		return strings.TrimSpace(run(t, "setpriv", fmt.Sprintf("--reuid=%d", account.UID), fmt.Sprintf("--regid=%d", account.GID),
			"--clear-groups",
			"/usr/lib/postgresql/15/bin/psql", "-h", "/run/postgresql", "-p", fmt.Sprint(port), "-XAtc", sql, "postgres"))
	}
	asPostgres(port, "CREATE TABLE t AS SELECT generate_series(1, 100) AS i")
	run(t, "pg_ctlcluster", "15", "main", "stop")
	clone := blue
	clone.DataDirectory, clone.ConfigDirectory = "/var/lib/postgresql/15/clone", ""
	run(t, "cp", "-a", blue.DataDirectory, clone.DataDirectory)
	run(t, "pg_ctlcluster", "15", "main", "start")

	g := green.Cluster{
		Old: clone, New: pgctl.Cluster{Programs: programs(18), Account: account, DataDirectory: "/var/lib/postgresql/18/main"},
		Work: "/var/lib/postgresql/work", Port: pgtest.FreePort(t), Keep: []string{blue.DataDirectory},
	}
	service, err := g.Service(t.Context(), green.ServiceOptions{Kind: green.KindAuto, Name: "test", Blue: blue})
	if err != nil {
		t.Fatal(err)
	}
	if service.Kind() != green.KindDebian {
		t.Fatalf("auto chose %s", service.Kind())
	}
	if err := g.Upgrade(t.Context(), quiet()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := service.Adopt(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	g.New = service.Cluster()
	server := openPeer(t, port, account)
	carried, err := g.Carry(t.Context(), server, green.CarryOptions{Subscriptions: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", carried)
	for range 2 {
		if err := service.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	clusters := run(t, "pg_lsclusters", "-h")
	t.Log(clusters)
	if !strings.Contains(strings.Join(strings.Fields(clusters), " "),
		fmt.Sprintf("18 main %d online postgres /var/lib/postgresql/18/main /var/log/postgresql/postgresql-18-main.log", g.Port)) {
		t.Errorf("pg_lsclusters:\n%s", clusters)
	}
	run(t, "pg_ctlcluster", "18", "main", "restart")
	got := asPostgres(g.Port, `SELECT concat_ws(' ', current_setting('cluster_name'), current_setting('work_mem'),
		current_setting('config_file'), current_setting('data_directory'), sum(i)) FROM t`)
	if got != "18/main 42MB /etc/postgresql/18/main/postgresql.conf /var/lib/postgresql/18/main 5050" {
		t.Errorf("green has %s", got)
	}
	if got, _ := os.ReadFile("/etc/postgresql/18/main/start.conf"); !strings.Contains(string(got), "\nauto\n") {
		t.Errorf("start.conf: %s", got)
	}
	if left, _ := filepath.Glob(g.New.DataDirectory + "/*.conf"); len(left) != 1 || filepath.Base(left[0]) != "postgresql.auto.conf" {
		t.Errorf("green's data directory holds %q", left)
	}

	words, err := g.Retire(t.Context(), blue)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(words)
	if got, _ := os.ReadFile(config + "/start.conf"); !strings.Contains(string(got), "\nmanual\n") ||
		strings.Contains(string(got), "\nauto\n") {
		t.Errorf("blue's start.conf: %s", got)
	}
	if _, err := blue.Postmaster(); err == nil {
		t.Error("blue still runs")
	}

	for range 2 {
		if err := g.Discard(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, gone := range []string{
		"/etc/postgresql/18", "/var/lib/postgresql/18", "/var/lib/postgresql/work", "/var/log/postgresql/postgresql-18-main.log",
	} {
		if _, err := os.Stat(gone); err == nil {
			t.Errorf("%s is left", gone)
		}
	}
	list := func() string { return strings.Join(strings.Fields(run(t, "pg_lsclusters", "-h")), " ") }
	if clusters := list(); strings.Contains(clusters, "18 main") || !strings.Contains(clusters, "15 main") {
		t.Errorf("pg_lsclusters:\n%s", clusters)
	}

	run(t, "pg_createcluster", "-p", fmt.Sprint(pgtest.FreePort(t)), "18", "main", "--", "--no-sync")
	if err := g.Upgrade(t.Context(), quiet()); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a cluster of somebody else's was not refused: %v", err)
	}
	if clusters := list(); !strings.Contains(clusters, "18 main") {
		t.Errorf("pg_lsclusters:\n%s", clusters)
	}
}
