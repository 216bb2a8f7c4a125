package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
	"github.com/pgteal/pgteal/internal/postgres"
)

// elsewhere is a blue on another host: in a network namespace of its own.
type elsewhere struct {
	*pgtest.Server
	here, there string // the addresses of both hosts
}

// spaces numbers the network namespaces of this process: what is left of one is there for a moment after its end.
var spaces atomic.Int32

// startElsewhere starts a blue with these listen_addresses, where THERE is its host's. Where a namespace cannot be made the test is skipped.
func startElsewhere(t *testing.T, major int, listen string) elsewhere {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root makes network namespaces: a blue on another host is not tested")
	}
	id := fmt.Sprintf("%d-%d", os.Getpid(), spaces.Add(1))
	space, here, there := "pgteal-"+id, "pt"+id+"a", "pt"+id+"b"
	net := fmt.Sprintf("198.18.%d.", (os.Getpid()+50*int(spaces.Load()))%250) // set aside for tests of networks (RFC 2544)
	e := elsewhere{here: net + "1", there: net + "2"}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", space).Run() }) // it may not have been made
	for _, line := range []string{
		"netns add " + space,
		"link add " + here + " type veth peer name " + there + " netns " + space,
		"addr add " + e.here + "/24 dev " + here, "link set " + here + " up",
		"-n " + space + " addr add " + e.there + "/24 dev " + there, "-n " + space + " link set " + there + " up", "-n " + space + " link set lo up",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Skipf("this host makes no network namespace: ip %s: %v: %s", line, err, out)
		}
	}
	started := make(chan struct{})
	go func() {
		defer close(started)
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		file, err := os.Open("/run/netns/" + space)
		if err != nil {
			t.Error(err)
			return
		}
		defer file.Close() //nolint:errcheck // nothing was written
		if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
			t.Error(err)
			return
		}
		e.Server = pgtest.Start(t, major, pgctl.Setting{Name: "listen_addresses", Value: strings.ReplaceAll(listen, "THERE", e.there)})
	}()
	<-started
	if e.Server == nil {
		t.Fatal("blue was not started")
	}
	writeFor(t, filepath.Join(e.Cluster.DataDirectory, "pg_hba.conf"), "host all all all trust\n", 0o600)
	if err := e.Cluster.Run(t.Context(), e.Cluster.Account, "pg_ctl", "reload", "-s", "-D", e.Cluster.DataDirectory); err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, time.Minute, "blue lets us in", func() bool {
		return e.open(t).In(t.Context(), "postgres", func(*pgx.Conn) error { return nil }) == nil
	})
	return e
}

func (e elsewhere) connection() string {
	return fmt.Sprintf("host=%s port=%d user=%s sslmode=disable", e.there, e.Port, pgtest.Superuser)
}

func (e elsewhere) open(t *testing.T) *postgres.Server {
	t.Helper()
	s, err := postgres.Open("blue", e.connection())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// subscribe lets blue subscribe to what is at host and port, and returns why it cannot.
func (e elsewhere) subscribe(t *testing.T, host string, port int) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return e.open(t).In(ctx, "postgres", func(conn *pgx.Conn) error {
		s := postgres.Subscription{Name: "pgteal_1", Publisher: e.open(t).As(postgres.Role, "", postgres.SecretFile).At(host, port), Database: "postgres"}
		return postgres.MakeSubscription(ctx, conn, s, 13)
	})
}

func TestTheWayBackIsTriedFromBluesHost(t *testing.T) {
	for _, major := range []int{13, 18} {
		t.Run(strconv.Itoa(major), func(t *testing.T) {
			blue := startElsewhere(t, major, "*")
			free := pgtest.FreePort(t)
			for name, c := range map[string]struct {
				host   string
				port   int
				reason string
				truth  string
			}{
				"our address":               {"", free, "", ""},
				"green.host":                {blue.here, free, "", ""},
				"an unknown name":           {"green.invalid", free, "The name is not known on blue's host", "could not translate host name"},
				"blue's own host":           {blue.there, free, "Blue's host is refused there", "refused"},
				"blue itself":               {blue.there, blue.Port, "Blue's host reaches something else there", ""},
				"an address without a host": {blue.here + "7", free, "Blue's host gets no answer", "No route to host"},
				"an address without a way":  {"198.51.100.1", free, "Blue's host gets no answer", "Network is unreachable"},
			} {
				t.Run(name, func(t *testing.T) {
					began := time.Now()
					found := networkFindings(t, config.Config{
						Blue: config.Blue{Connection: blue.connection()}, Green: config.Green{Host: c.host, Port: c.port},
					})
					if took := time.Since(began); took > 2*networkPatience {
						t.Errorf("it took %s", took)
					}
					if c.reason == "" {
						if len(found) > 0 {
							t.Errorf("found %+v", found)
						}
						return
					}
					demand(t, found, finding.Switchover, c.reason, "after the switchover blue could not follow green", "--force way-back", "green.host")
					if err := blue.subscribe(t, c.host, c.port); err == nil || !strings.Contains(err.Error(), c.truth) {
						t.Errorf("subscribing ended with %v, not with %q", err, c.truth)
					}
				})
			}
		})
	}
}

// Green listens where blue's listen_addresses says, on another host.
func TestListenAddressesThatGreenCannotUse(t *testing.T) {
	blue := startElsewhere(t, 15, "THERE")
	port := pgtest.FreePort(t)
	c := config.Config{Blue: config.Blue{Connection: blue.connection()}, Green: config.Green{Port: port}}
	demand(t, networkFindings(t, c), finding.Upgrade, "listen_addresses: "+blue.there, "cannot assign requested address",
		"green would not start", "command line")
	if err := startAt(t, blue.there, port); err == nil || !strings.Contains(err.Error(), "could not create any TCP/IP sockets") {
		t.Errorf("a server with these listen_addresses: %v", err)
	}
}

// Green takes over what waits for a restart of blue.
func TestListenAddressesThatWaitForARestart(t *testing.T) {
	s := pgtest.Start(t, 13)
	if err := s.Cluster.Stop(t.Context(), "fast"); err != nil {
		t.Fatal(err)
	}
	err := s.Cluster.Start(t.Context(), s.LogFile, pgctl.Setting{Name: "port", Value: strconv.Itoa(s.Port)},
		pgctl.Setting{Name: "unix_socket_directories", Value: filepath.Dir(s.LogFile)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		role, addresses string
		wrong           bool
	}{
		{pgtest.Superuser, "localhost", false},
		{pgtest.Superuser, "198.51.100.1, 198.51.100.2", true},
		{`We"ird`, "198.51.100.1, 198.51.100.2", false}, // it may not read where blue listens
		{pgtest.Superuser, "198.51.100.1, 127.0.0.1", false},
		{pgtest.Superuser, "*, ::1", false},
		{pgtest.Superuser, "", false},
	} {
		s.Exec(t, "postgres", "ALTER SYSTEM SET listen_addresses = "+postgres.Literal(c.addresses), "SELECT pg_reload_conf()",
			`DROP ROLE IF EXISTS "We""ird"`, `CREATE ROLE "We""ird" LOGIN`)
		conn := s.Connect(t, "postgres")
		pgtest.Eventually(t, time.Minute, "blue has read its files", func() bool {
			var read bool
			const readSQL = `SELECT pending_restart OR setting = $1 FROM pg_settings WHERE name = 'listen_addresses'`
			err := conn.QueryRow(t.Context(), readSQL, c.addresses).Scan(&read)
			return err == nil && read
		})
		found := networkFindings(t, config.Config{Blue: config.Blue{Connection: fmt.Sprintf(`host=localhost port=%d user='%s'`, s.Port, c.role)}})
		if !c.wrong && slices.ContainsFunc(found, func(f finding.Finding) bool { return f.Blocks == finding.Upgrade }) || c.wrong && len(found) != 2 {
			t.Errorf("%s as %s: found %+v", c.addresses, c.role, found)
		}
		if c.wrong {
			contains(t, found[0], "198.51.100.", "ALTER SYSTEM SET listen_addresses", "green would not start")
		}
	}
}

// startAt starts and stops a server of the new major.
func startAt(t *testing.T, listen string, port int) error {
	t.Helper()
	s := pgtest.Start(t, 18)
	if err := s.Cluster.Stop(t.Context(), "fast"); err != nil {
		t.Fatal(err)
	}
	return s.Cluster.Start(t.Context(), s.LogFile, pgctl.Setting{Name: "listen_addresses", Value: listen},
		pgctl.Setting{Name: "port", Value: strconv.Itoa(port)}, pgctl.Setting{Name: "unix_socket_directories", Value: filepath.Dir(s.LogFile)})
}

func TestSomeListenAddressesThatGreenCannotUse(t *testing.T) {
	blue := startElsewhere(t, 15, "THERE, localhost")
	c := config.Config{Blue: config.Blue{Connection: blue.connection()}, Green: config.Green{Port: pgtest.FreePort(t)}}
	found := networkFindings(t, c)
	if len(found) != 2 {
		t.Fatalf("found %+v", found)
	}
	finding.Sort(found)
	demand(t, found[:1], finding.Switchover, "Blue's host is refused there", "listen_addresses")
	demand(t, found[1:], finding.Nothing, "listen_addresses: "+blue.there, "localhost")
}

// The port may be taken at another address than that of loopback alone.
func TestAPortThatIsTakenWhereGreenWillListen(t *testing.T) {
	blue := pgtest.Start(t, 17, pgctl.Setting{Name: "listen_addresses", Value: "127.0.0.2"})
	c := config.Config{Blue: config.Blue{Connection: fmt.Sprintf("host=127.0.0.2 port=%d user=%s", blue.Port, pgtest.Superuser)}}
	// Through loopback blue sees us at another address of it, where green does not listen.
	demand(t, networkFindings(t, c), finding.Switchover, "green at 127.0.0.1", "refused", "green.host")
	c.Green.Host = "127.0.0.2"
	if found := networkFindings(t, c); len(found) > 0 {
		t.Errorf("found %+v", found)
	}
	c.Green.Port = blue.Port
	demand(t, networkFindings(t, c), finding.Upgrade, fmt.Sprintf("port %d of 127.0.0.2", blue.Port), "green.port")
	if err := startAt(t, "127.0.0.2", blue.Port); err == nil || !strings.Contains(err.Error(), "Address already in use") {
		t.Errorf("a server there: %v", err)
	}
}
