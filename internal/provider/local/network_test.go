package local

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/pgteal/pgteal/internal/config"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/pgctl"
	"github.com/pgteal/pgteal/internal/pgtest"
)

// The check finds fault with exactly those connections by which no subscription can be made, and says what the server will say.
func TestGreenIsTriedAsItWillSubscribe(t *testing.T) {
	for _, major := range []int{13, 18} {
		t.Run(strconv.Itoa(major), func(t *testing.T) {
			e := startEnds(t, major, 0o755)
			service := filepath.Join(e.directory, "service")
			writeFor(t, service, "[blue]\nhost=localhost\n", 0o600)
			t.Setenv("PGSERVICEFILE", service)
			for name, connection := range map[string]string{
				"TLS with a client certificate": "host=localhost sslmode=require" + e.tls(),
				"the certificate's name":        "host=localhost sslmode=verify-full" + e.tls(),
				"the certificate's authority":   "host=localhost sslmode=verify-ca" + e.tls(),
				"a certificate in a URL": fmt.Sprintf("postgresql://%s@localhost:%d/?sslmode=verify-full"+
					"&sslrootcert=%[3]s/ca.crt&sslcert=%[3]s/operator.crt&sslkey=%[3]s/operator.key",
					pgtest.Superuser, e.blue.Port, e.directory),
				"IPv6":          "host=::1 sslmode=require" + e.tls(),
				"a URL":         fmt.Sprintf("postgresql://%s@[::1]:%d/postgres?sslmode=disable", pgtest.Superuser, e.blue.Port),
				"no TLS":        "host=127.0.0.1 sslmode=disable" + e.user(),
				"a service":     "service=blue sslmode=disable" + e.user(),
				"a Unix socket": "host=" + filepath.Dir(e.blue.Cluster.DataDirectory) + e.user(),
				"a second host": "host=localhost,other.invalid sslmode=disable" + e.user(),
			} {
				t.Run(name, func(t *testing.T) {
					if findings := e.agree(t, connection); len(findings) > 0 {
						t.Errorf("found %+v", findings)
					}
				})
			}
			e.agree(t, fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=1,%d user=%s sslmode=disable", e.blue.Port, pgtest.Superuser), "Connection refused")
		})
	}
}

// What only root may read or enter serves pgteal, and not green's server.
func TestWhatOnlyRootReachesIsFound(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root reaches what its servers do not")
	}
	e := startEnds(t, 18, 0o700)
	if found := e.agree(t, "host=localhost sslmode=require"+e.tls()); len(found) > 0 {
		t.Errorf("our home directory is not the server's, and yet the check found %+v", found)
	}
	certificate := filepath.Join(os.Getenv("HOME"), "ca.crt")
	if err := os.Rename(filepath.Join(e.directory, "ca.crt"), certificate); err != nil {
		t.Fatal(err)
	}
	e.directory = os.Getenv("HOME")
	for _, name := range []string{"operator.crt", "operator.key"} {
		if err := os.Rename(filepath.Join(filepath.Dir(e.directory), name), filepath.Join(e.directory, name)); err != nil {
			t.Fatal(err)
		}
	}
	if found := e.agree(t, "host=localhost sslmode=verify-full"+e.tls(), "certificate", os.Getenv("HOME")); len(found) == 0 {
		t.Error("found nothing where the authority is out of reach")
	}

	private := pgtest.Directory(t)
	blue := pgtest.Start(t, 18, pgctl.Setting{Name: "unix_socket_directories", Value: private})
	if err := os.Chown(private, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(private, 0o710); err != nil {
		t.Fatal(err)
	}
	connection := fmt.Sprintf("host=%s port=%d user=%s", private, blue.Port, pgtest.Superuser)
	if found := e.agree(t, connection, "Permission denied"); len(found) == 0 {
		t.Error("found nothing where the socket is out of reach")
	}
}

// With several hosts pgteal's own sessions find the one that takes writes. A subscription has the first one.
func TestAStandbyBeforeBlueIsFound(t *testing.T) {
	e := startEnds(t, 15, 0o755)
	standby := pgtest.Start(t, 15)
	if err := standby.Cluster.Stop(t.Context(), "fast"); err != nil {
		t.Fatal(err)
	}
	writeFor(t, filepath.Join(standby.Cluster.DataDirectory, "standby.signal"), "", 0o600)
	standby = pgtest.Run(t, standby.Cluster)
	for ports, wrong := range map[string]bool{
		fmt.Sprintf("%d,%d", standby.Port, e.blue.Port): true,
		fmt.Sprintf("%d,%d", e.blue.Port, standby.Port): false,
	} {
		for _, sslmode := range []string{"disable", "prefer", "allow"} {
			connection := fmt.Sprintf("host=localhost,localhost port=%s user=%s target_session_attrs=read-write sslmode=%s", ports, pgtest.Superuser, sslmode)
			if sslmode != "disable" {
				connection += fmt.Sprintf(" sslcert=%s/operator.crt sslkey=%[1]s/operator.key", e.directory)
			}
			found := networkFindings(t, config.Config{Blue: config.Blue{Connection: connection}})
			if wrong {
				demand(t, found, finding.Upgrade, "several hosts", "localhost:"+strconv.Itoa(standby.Port), "name one host")
			} else if len(found) > 0 {
				t.Errorf("%s: found %+v", connection, found)
			}
		}
	}
}
