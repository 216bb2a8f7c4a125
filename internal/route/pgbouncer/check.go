package pgbouncer

import (
	"context"
	"fmt"
	"strconv"

	"github.com/pgteal/pgteal/internal/finding"
)

// Check finds what would keep this PgBouncer from being held, repointed or released. It leaves the sessions open that Hold needs, so
// that nothing has to be connected in the pause.
func (b *PgBouncer) Check(ctx context.Context) ([]finding.Finding, error) {
	c := &check{b: b}
	defer func() { finding.Sort(c.findings) }()
	c.file()
	if err := b.sessions.warm(ctx, 1); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		c.forbid("console", b.name, "Its admin console cannot be reached: "+finding.OneLine(err)+".",
			"Name the console in `admin` as psql would reach it, with dbname=pgbouncer and a user of admin_users in pgbouncer.ini.")
		return c.findings, nil
	}
	if err := c.console(ctx); err != nil {
		return nil, fmt.Errorf("check %s: %w", b.name, err)
	}
	if c.f != nil {
		if err := b.sessions.warm(ctx, 1+min(len(c.f.entries), maxSessions)); err != nil {
			return nil, fmt.Errorf("check %s: %w", b.name, err)
		}
	}
	return c.findings, nil
}

// check is one run of Check.
type check struct {
	b        *PgBouncer
	f        *include // nil where it cannot be read
	findings []finding.Finding

	settings map[string]string // of SHOW CONFIG
	live     map[string]row    // of SHOW DATABASES
}

// forbid adds a finding that stands in the way of the switchover.
func (c *check) forbid(name, object, reason, fix string) {
	c.add(finding.Finding{Check: "pgbouncer-" + name, Blocks: finding.Switchover, Object: object, Reason: reason, Fix: fix})
}

// remark adds a finding that the operator should know.
func (c *check) remark(name, object, reason, fix string) {
	c.add(finding.Finding{Check: "pgbouncer-" + name, Blocks: finding.Nothing, Object: object, Reason: reason, Fix: fix})
}

func (c *check) add(f finding.Finding) { c.findings = append(c.findings, f) }

// console checks what the admin console shows.
func (c *check) console(ctx context.Context) error {
	if allowed, err := c.rights(ctx); err != nil || !allowed {
		return err
	}
	if err := c.version(ctx); err != nil {
		return err
	}
	rows, err := c.b.sessions.query(ctx, "SHOW CONFIG")
	if err != nil {
		return err
	}
	c.settings = map[string]string{}
	for _, r := range rows {
		c.settings[r["key"]] = r["value"]
	}
	if c.f == nil {
		return nil
	}
	if c.live, err = c.b.databases(ctx, c.f); err != nil {
		return err
	}
	c.included()
	c.leftBehind()
	if err := c.paused(ctx); err != nil {
		return err
	}
	if err := c.poolMode(ctx); err != nil {
		return err
	}
	c.limits()
	return nil
}

// rights tries a command that only admin_users may give, on a database that nobody has.
func (c *check) rights(ctx context.Context) (bool, error) {
	_, err := c.b.sessions.query(ctx, "RESUME "+probe)
	switch {
	case refused(err, "admin access needed"):
		c.forbid("rights", c.b.name, "The user of its admin console may look but not give commands.",
			fmt.Sprintf("Add %s to admin_users in pgbouncer.ini, and run RELOAD as a user that is there already.", c.b.user))
		return false, nil
	case err == nil || isRefusal(err):
		return true, nil
	default:
		return false, err
	}
}

func (c *check) version(ctx context.Context) error {
	version, err := c.b.sessions.version(ctx)
	if err != nil {
		return err
	}
	var major, minor, patch int
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); n < 2 {
		return nil
	}
	switch {
	case major == 1 && minor < 10:
		c.forbid("version", c.b.name, "It is version "+version+", whose console lacks what pgteal needs.",
			"Upgrade PgBouncer to 1.18 or later.")
	case major == 1 && minor == 23 && patch == 0:
		c.forbid("version", c.b.name,
			"It is version 1.23.0, which can crash after a RELOAD (https://www.pgbouncer.org/changelog.html); the switchover runs one.",
			"Upgrade PgBouncer to 1.23.1 or later.")
	}
	return nil
}

// paused finds a pause that somebody else has made: our Release would end it.
func (c *check) paused(ctx context.Context) error {
	rows, err := c.b.sessions.query(ctx, "SHOW STATE") // since 1.19
	if err != nil && !isRefusal(err) {
		return err
	}
	for _, r := range rows {
		if (r["key"] == "paused" || r["key"] == "suspended") && r["value"] == "yes" {
			c.forbid("paused", c.b.name, "It is "+r["key"]+" as a whole, so its clients wait already.", c.b.psql("RESUME"))
		}
	}
	for _, e := range c.f.entries {
		if c.live[e.name]["paused"] == "1" {
			c.forbid("paused", c.object(e), "It is paused, so its clients wait already.",
				c.b.psql("RESUME "+argument(e.name)))
		}
		if c.live[e.name]["disabled"] == "1" {
			c.remark("disabled", c.object(e), "It is disabled: PgBouncer turns new clients away, before and after.",
				c.b.psql("ENABLE "+argument(e.name)))
		}
	}
	return nil
}

// longestPause is the longest max_pause that the configuration takes, in seconds.
const longestPause = 60

// limits finds settings that may turn against clients that are held, or against the new server.
func (c *check) limits() {
	if n, err := strconv.Atoi(c.settings["query_wait_timeout"]); err == nil && n > 0 && n < longestPause {
		c.remark("query-wait-timeout", c.b.name,
			fmt.Sprintf("A client that is held for longer than query_wait_timeout, %d s, is disconnected with an error.", n),
			"Keep max_pause below it, or raise query_wait_timeout in pgbouncer.ini and run RELOAD.")
	}
	if mode := c.settings["server_tls_sslmode"]; mode == "verify-ca" || mode == "verify-full" {
		c.remark("server-tls", c.b.name,
			"It checks the server's certificate (server_tls_sslmode="+mode+"), so green's must pass too.",
			"Give green a certificate of an authority in server_tls_ca_file, for the host in the route, before the switchover.")
	}
}

func (c *check) object(e entry) string { return fmt.Sprintf("database %q of %s", e.name, c.b.name) }

// psql returns the command with which an operator gives the console a command.
func (b *PgBouncer) psql(command string) string {
	return fmt.Sprintf("psql 'host=%s port=%s user=%s dbname=pgbouncer' -c %s", b.host, b.port, b.user, shellQuote(command))
}
