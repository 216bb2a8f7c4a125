package config

import (
	"net"
	"path/filepath"
	"regexp"
	"time"
)

// Route is one way by which clients reach the writer. Exactly one of its keys is set.
type Route struct {
	PgBouncer *PgBouncer `yaml:"pgbouncer"`
	HAProxy   *HAProxy   `yaml:"haproxy"`
	Command   *Command   `yaml:"command"`
	Libpq     *Libpq     `yaml:"libpq"`
	Route53   *Route53   `yaml:"route53"`
	RDSProxy  *RDSProxy  `yaml:"rdsproxy"` // with provider aurora
	Rename    *Rename    `yaml:"rename"`   // with provider aurora
}

// PgBouncer is one PgBouncer.
type PgBouncer struct {
	Admin        string `yaml:"admin"`         // connection string of its admin console, without a password
	PasswordFile string `yaml:"password_file"` // a file with the password alone
	Include      string `yaml:"include"`       // the included file with the [databases] that move; pgteal owns it
}

// HAProxy is one backend of one HAProxy.
type HAProxy struct {
	Socket    string `yaml:"socket"`     // its stats socket, of level admin: a path or host:port
	Backend   string `yaml:"backend"`    // the section backend or listen
	Frontend  string `yaml:"frontend"`   // the section frontend before it; default: backend's name, as of a listen section
	StateFile string `yaml:"state_file"` // what the section names in server-state-file-name; pgteal owns it
}

// Command is a program of the operator's that moves the clients.
type Command struct {
	Run     []string      `yaml:"run"`     // its absolute path and its arguments; no shell reads them
	Timeout time.Duration `yaml:"timeout"` // a call that takes longer is killed; default 10s
}

// Libpq is the clients that know both clusters.
type Libpq struct {
	Connection   string `yaml:"connection"`    // their connection string, blue first, without a password
	PasswordFile string `yaml:"password_file"` // a file with the password alone
}

// Route53 is one record in Amazon Route 53. Its credentials are those of the AWS SDK's standard chain.
type Route53 struct {
	Zone    string        `yaml:"zone"`    // id of the hosted zone
	Record  string        `yaml:"record"`  // name by which clients know the database
	TTL     time.Duration `yaml:"ttl"`     // what the record gets when it moves; default: what it has
	Region  string        `yaml:"region"`  // AWS region; default: the SDK's, or else us-east-1
	Profile string        `yaml:"profile"` // profile of the SDK's shared files; default: its standard chain
}

// RDSProxy is one RDS Proxy before the DB cluster, in its region and reached with its profile.
type RDSProxy struct {
	Name        string `yaml:"name"`         // name of the proxy
	TargetGroup string `yaml:"target_group"` // default: the only one that there is, "default"
}

// Rename lets green take blue's names. It has nothing to configure: `rename: {}`.
type Rename struct{}

// check tells fail what is wrong with the route that stands under key.
func (r *Route) check(key string, fail func(string, ...any), absolute func(key, path string)) {
	kinds := 0
	if r.PgBouncer != nil {
		kinds++
		r.PgBouncer.check(key+".pgbouncer", fail, absolute)
	}
	if r.HAProxy != nil {
		kinds++
		r.HAProxy.check(key+".haproxy", fail, absolute)
	}
	if r.Command != nil {
		kinds++
		r.Command.check(key+".command", fail, absolute)
	}
	if r.Libpq != nil {
		kinds++
		r.Libpq.check(key+".libpq", fail)
	}
	if r.Route53 != nil {
		kinds++
		r.Route53.check(key+".route53", fail)
	}
	if r.RDSProxy != nil {
		kinds++
		r.RDSProxy.check(key+".rdsproxy", fail)
	}
	if r.Rename != nil {
		kinds++
	}
	if kinds != 1 {
		fail("%s: it names %d kinds of route, not one", key, kinds)
	}
}

func (p *PgBouncer) check(key string, fail func(string, ...any), absolute func(key, path string)) {
	if p.Admin == "" || p.Include == "" {
		fail("%s: admin and include are both needed", key)
	}
	absolute(key+".include", p.Include)
	if err := withoutPassword(p.Admin); err != nil {
		fail("%s.admin: %w", key, err)
	}
}

// proxyName is what HAProxy takes for the name of a section (https://docs.haproxy.org/3.0/configuration.html#4).
var proxyName = regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`)

func (h *HAProxy) check(key string, fail func(string, ...any), absolute func(key, path string)) {
	if h.Socket == "" || h.Backend == "" {
		fail("%s: socket and backend are both needed", key)
	}
	if _, _, err := net.SplitHostPort(h.Socket); err != nil && h.Socket != "" && !filepath.IsAbs(h.Socket) {
		fail("%s.socket: %q is neither an absolute path nor host:port", key, h.Socket)
	}
	for name, value := range map[string]string{"backend": h.Backend, "frontend": h.Frontend} {
		if value != "" && !proxyName.MatchString(value) {
			fail("%s.%s: %q is not the name of a section of haproxy.cfg", key, name, value)
		}
	}
	absolute(key+".state_file", h.StateFile)
}

// longestCommand bounds Command.Timeout. Clients may be held while the program runs.
const longestCommand = time.Minute

func (c *Command) check(key string, fail func(string, ...any), absolute func(key, path string)) {
	if len(c.Run) == 0 || c.Run[0] == "" {
		fail("%s.run: it is missing; a list of the program's path and its arguments is needed", key)
		return
	}
	absolute(key+".run", c.Run[0])
	if c.Timeout < 0 || c.Timeout > longestCommand {
		fail("%s.timeout: %s is not between 0 and %s", key, c.Timeout, longestCommand)
	}
}

func (l *Libpq) check(key string, fail func(string, ...any)) {
	if l.Connection == "" {
		fail("%s.connection: it is missing", key)
	}
	if err := withoutPassword(l.Connection); err != nil {
		fail("%s.connection: %w", key, err)
	}
}

var (
	// zoneID is the form of a hosted zone's id.
	zoneID = regexp.MustCompile(`^Z[A-Z0-9]{1,31}$`)

	// recordName is a host name of several labels (https://www.rfc-editor.org/rfc/rfc1123#section-2.1), with _ as Route 53 has it.
	recordName = regexp.MustCompile(`^(?i:([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?\.?)$`)
)

// longestTTL bounds Route53.TTL. Clients may look for the database at the old address for as long.
const longestTTL = time.Hour

func (r *Route53) check(key string, fail func(string, ...any)) {
	if !zoneID.MatchString(r.Zone) {
		fail("%s.zone: %q is not the id of a hosted zone, such as Z0123456789ABC", key, r.Zone)
	}
	if !recordName.MatchString(r.Record) || len(r.Record) > 254 {
		fail("%s.record: %q is not a host name, such as db.example.com", key, r.Record)
	}
	if r.TTL < 0 || r.TTL > longestTTL || r.TTL%time.Second != 0 {
		fail("%s.ttl: %s is not in whole seconds up to %s", key, r.TTL, longestTTL)
	}
}

// dbProxyName is the form of the names of proxies and of target groups
// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RegisterDBProxyTargets.html).
var dbProxyName = regexp.MustCompile(`^[a-zA-Z](-?[a-zA-Z0-9])*$`)

func (p *RDSProxy) check(key string, fail func(string, ...any)) {
	const longest = 63
	for name, value := range map[string]string{"name": p.Name, "target_group": p.TargetGroup} {
		if (value != "" || name == "name") && (!dbProxyName.MatchString(value) || len(value) > longest) {
			fail("%s.%s: %q is not a name that RDS Proxy has", key, name, value)
		}
	}
}
