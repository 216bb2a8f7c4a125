package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pgteal/pgteal/internal/config"
)

const simple = `
upgrade: orders
to: 18
blue: {data_directory: /var/lib/postgresql/15/main}
green: {data_directory: /var/lib/postgresql/18/main, port: 5433}
`

func TestDefaults(t *testing.T) {
	c, err := config.Parse([]byte(simple))
	if err != nil {
		t.Fatal(err)
	}
	if c.Provider != "local" || c.Clone.Method != "auto" || c.Green.Service != "auto" || c.Finish.Blue != "stop" ||
		c.Switchover.MaxPause != 2*time.Second || c.Switchover.OpenTransactions != "end" || c.Switchover.VerifyFresh != 24*time.Hour {
		t.Errorf("got %+v", c)
	}
}

func TestFaultsAreNamedWithTheirKey(t *testing.T) {
	for change, wanted := range map[string]string{
		"switchover: {max_paus: 2s}":                                         "max_paus",
		"switchover: {max_pause: 10m}":                                       "switchover.max_pause",
		"switchover: {max_pause: 1ms}":                                       "switchover.max_pause",
		"switchover: {open_transactions: maybe}":                             "switchover.open_transactions",
		"provider: nowhere":                                                  "provider",
		"clone: {method: magic}":                                             "clone.method",
		"clone: {jobs: -1}":                                                  "clone.jobs",
		"finish: {blue: remove}":                                             "finish.blue",
		"state_directory: here":                                              "state_directory",
		"routes: [{}]":                                                       "routes[0]",
		"routes: [{pgbouncer: {admin: host=a}}]":                             "routes[0].pgbouncer",
		"routes: [{pgbouncer: {admin: host=a, include: x}}]":                 "routes[0].pgbouncer.include",
		"routes: [{pgbouncer: {admin: ':', include: /x.ini}}]":               "routes[0].pgbouncer.admin",
		"routes: [{haproxy: {socket: /run/x.sock}}]":                         "routes[0].haproxy",
		"routes: [{haproxy: {socket: x.sock, backend: pg}}]":                 "routes[0].haproxy.socket",
		"routes: [{haproxy: {socket: 'a:1', backend: 'p q'}}]":               "routes[0].haproxy.backend",
		"routes: [{haproxy: {socket: 'a:1', backend: p, frontend: ';'}}]":    "routes[0].haproxy.frontend",
		"routes: [{haproxy: {socket: 'a:1', backend: p, state_file: here}}]": "routes[0].haproxy.state_file",
		"routes: [{command: {timeout: 1s}}]":                                 "routes[0].command.run",
		"routes: [{command: {run: [move, x]}}]":                              "routes[0].command.run",
		"routes: [{command: {run: [/move], timeout: 2m}}]":                   "routes[0].command.timeout",
		"routes: [{command: {run: /move}}]":                                  "/move",
		"routes: [{command: {run: [/move]}, libpq: {connection: host=a}}]":   "routes[0]: it names 2 kinds",
		"routes: [{libpq: {password_file: /x}}]":                             "routes[0].libpq.connection",
		"routes: [{route53: {record: db.example.com}}]":                      "routes[0].route53.zone",
		"routes: [{route53: {zone: Z1, record: '*.x.com'}}]":                 "routes[0].route53.record",
		"routes: [{route53: {zone: Z1, record: a.b, ttl: 1ms}}]":             "routes[0].route53.ttl",
		"routes: [{route53: {zone: Z1, record: a.b, ttl: 2h}}]":              "routes[0].route53.ttl",
		"routes: [{rdsproxy: {name: 'a--b'}}]":                               "routes[0].rdsproxy.name",
		"routes: [{rdsproxy: {name: p, target_group: '1'}}]":                 "routes[0].rdsproxy.target_group",
		"routes: [{rdsproxy: {name: p}}]":                                    "routes[0]: it needs provider: aurora",
		"routes: [{rename: {cluster: x}}]":                                   "cluster",
		"routes: [{rename: {}}]":                                             "routes[0]: it needs provider: aurora",
		"routes: [{rename: {}}, {libpq: {connection: 'host=a,b'}}]":          "routes[1]: beside rename",
		"routes: [{libpq: {connection: 'host=a,b password=x'}}]":             "routes[0].libpq.connection: it holds a password",
	} {
		_, err := config.Parse([]byte(simple + change))
		if err == nil || !strings.Contains(err.Error(), wanted) {
			t.Errorf("%s: got %v, wanted %s named", change, err, wanted)
		}
	}
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	_, err := config.Parse([]byte("upgrade: 'Not a name'\nto: 0\nblue: {}\ngreen: {port: 99999}\n"))
	for _, key := range []string{"upgrade", "to", "blue", "green.data_directory", "green.port"} {
		if err == nil || !strings.Contains(err.Error(), key+":") {
			t.Errorf("%s is not named in %v", key, err)
		}
	}
}

func TestPasswordsAreRefusedAndNotRepeated(t *testing.T) {
	for _, connection := range []string{
		"host=db user=postgres password=hush", "host=db password = 'hush'", "postgres://postgres:hush@db/postgres",
		"postgresql://db/postgres?user=postgres&password=hush",
	} {
		_, err := config.Parse([]byte(strings.Replace(simple, "blue: {", "blue: {connection: \""+connection+"\", ", 1)))
		if err == nil || !strings.Contains(err.Error(), "password") || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %v", connection, err)
		}
	}
}

func TestGreenCannotBeBlue(t *testing.T) {
	_, err := config.Parse([]byte(strings.Replace(simple, "/var/lib/postgresql/18/main", "/var/lib/postgresql/15/main/", 1)))
	if err == nil || !strings.Contains(err.Error(), "green.data_directory") {
		t.Errorf("got %v", err)
	}
}
