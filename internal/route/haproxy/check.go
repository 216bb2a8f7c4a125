package haproxy

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/pgteal/pgteal/internal/finding"
)

// Check finds what would keep this HAProxy from being held, repointed or released, and what would lead back after a reload.
func (h *HAProxy) Check(ctx context.Context) ([]finding.Finding, error) {
	c := &check{h: h}
	defer func() { finding.Sort(c.findings) }()
	level, err := h.ask(ctx, "show cli level")
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	switch {
	case err != nil:
		c.forbid("socket", h.name, fmt.Sprintf("Its stats socket cannot be reached: %s.", err),
			"Name in `socket` what `stats socket` in the section global of haproxy.cfg says, a path or host:port, "+
				"and give the user that runs pgteal access to it (mode, user, group).")
		return c.findings, nil
	case level != "admin":
		c.forbid("rights", h.name, fmt.Sprintf("Its stats socket is of level %s, which may look but not change servers.", level),
			"Add `level admin` to that line `stats socket` in haproxy.cfg and reload HAProxy.")
		return c.findings, nil
	}
	if err := c.proxies(ctx); err != nil {
		return nil, fmt.Errorf("check %s: %w", h.name, err)
	}
	return c.findings, nil
}

// check is one run of Check.
type check struct {
	h        *HAProxy
	findings []finding.Finding
}

// forbid adds a finding that stands in the way of the switchover.
func (c *check) forbid(name, object, reason, fix string) {
	c.add(finding.Finding{Check: "haproxy-" + name, Blocks: finding.Switchover, Object: object, Reason: reason, Fix: fix})
}

// remark adds a finding that the operator should know.
func (c *check) remark(name, object, reason, fix string) {
	c.add(finding.Finding{Check: "haproxy-" + name, Blocks: finding.Nothing, Object: object, Reason: reason, Fix: fix})
}

func (c *check) add(f finding.Finding) { c.findings = append(c.findings, f) }

// proxies checks frontend and backend.
func (c *check) proxies(ctx context.Context) error {
	if err := c.version(ctx); err != nil {
		return err
	}
	if err := c.frontend(ctx); err != nil {
		return err
	}
	rows, err := c.h.stat(ctx, c.h.Backend)
	if err != nil {
		return err
	}
	stats := map[string]row{} // by the server's name
	for _, r := range rows {
		stats[r["svname"]] = r
	}
	backend, known := stats["BACKEND"]
	if !known {
		c.forbid("backend", c.h.name, fmt.Sprintf("It has no backend %q.", c.h.Backend),
			"Name in `backend` one of those that this lists: "+c.h.shell("show backend"))
		return nil
	}
	c.mode("backend", c.h.Backend, backend)
	servers, err := c.h.servers(ctx)
	if err != nil {
		return err
	}
	c.count(servers)
	for _, s := range servers {
		c.server(s, stats[s.Name], len(servers) == 1)
	}
	if err := c.names(ctx, servers); err != nil {
		return err
	}
	return c.reload(servers)
}

// version finds an HAProxy that would not let clients in again: until September 2024 `set maxconn frontend` hung for good when somebody
// waited (https://github.com/haproxy/haproxy/issues/2726; 2.6.12 does). 3.0.6 is the first release of 3.0 after that. Releases of 2.x
// that have the fix have not been tried.
func (c *check) version(ctx context.Context) error {
	version, err := c.h.info(ctx, "Version")
	if err != nil {
		return err
	}
	var v [3]int
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &v[0], &v[1], &v[2]); n == len(v) && slices.Compare(v[:], []int{3, 0, 6}) < 0 {
		c.forbid("version", c.h.name, "It is version "+version+". HAProxy before 3.0.6 can hang when clients that were held are let in.",
			"Upgrade HAProxy to 3.0.6 or later.")
	}
	return nil
}

// frontend checks what Hold needs.
func (c *check) frontend(ctx context.Context) error {
	rows, err := c.h.stat(ctx, c.h.Frontend)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r["svname"] != "FRONTEND" {
			continue
		}
		c.mode("frontend", c.h.Frontend, r)
		if r["slim"] == "0" {
			c.forbid("held", fmt.Sprintf("frontend %q of %s", c.h.Frontend, c.h.name),
				"Its maxconn is 0, so whoever connects waits already.", c.h.shell("set maxconn frontend "+c.h.Frontend+" <its maxconn>"))
		}
		return nil
	}
	c.forbid("frontend", c.h.name, fmt.Sprintf("It has no frontend %q, at which new clients could wait.", c.h.Frontend),
		"Name in `frontend` the section frontend of haproxy.cfg whose default_backend is "+c.h.Backend+".")
	return nil
}

// mode finds proxies that do not pass PostgreSQL's protocol.
func (c *check) mode(kind, name string, r row) {
	if r["mode"] != "tcp" {
		c.forbid("mode", fmt.Sprintf("%s %q of %s", kind, name, c.h.name),
			fmt.Sprintf("It is in mode %s, which does not pass PostgreSQL's protocol.", r["mode"]),
			"Put `mode tcp` into that section of haproxy.cfg and reload HAProxy.")
	}
}

// reload finds where the servers would be led to after a reload: what is set at run time is gone then.
func (c *check) reload(servers []server) error {
	if c.h.StateFile == "" {
		c.remark("reload", c.h.name, "It forgets at a reload or restart what pgteal has told it, and then leads to blue, which lets nobody in.",
			fmt.Sprintf("Put `load-server-state-from-file local` and `server-state-file-name <file>` into the section of %s in haproxy.cfg, "+
				"and name that file in `state_file`; or change the server lines right after the switchover.", c.h.Backend))
		return nil
	}
	object := c.h.StateFile + " of " + c.h.name
	if err := unix.Access(filepath.Dir(c.h.StateFile), unix.W_OK|unix.X_OK); err != nil {
		c.forbid("state-file", object, fmt.Sprintf("It cannot be written: its directory says %s.", err),
			"Make the directory "+filepath.Dir(c.h.StateFile)+", where the user that runs pgteal may make files.")
		return nil
	}
	text, err := c.h.readState()
	if err != nil || text == nil {
		return err
	}
	saved, broken := parseState(*text)
	if broken != nil {
		c.forbid("state-file", object, "It is not what `show servers state` prints: "+broken.Error()+".", "Empty it.")
	}
	for _, s := range saved {
		is := named(servers, s.Name)
		if is != nil && (is.endpoint() != s.endpoint() || is.maintenance() != s.maintenance()) {
			c.forbid("state-file", object, fmt.Sprintf("It is from an earlier time: after a reload server %q would not be what it is now.", s.Name),
				c.h.renew())
		}
	}
	return nil
}

// renew is the command by which the state file becomes what is in force.
func (h *HAProxy) renew() string {
	return h.shell("show servers state "+h.Backend) + " > " + h.StateFile
}

// names finds servers whose addresses HAProxy looks up by itself while it runs (`resolvers`).
func (c *check) names(ctx context.Context, servers []server) error {
	answer, err := c.h.ask(ctx, "show resolvers")
	if err != nil && !errors.Is(err, errDenied) {
		return err
	}
	resolving := false
	for line := range strings.Lines(answer) {
		if name, count, _ := strings.Cut(strings.TrimSpace(line), ":"); name == "sent" && strings.TrimSpace(count) != "0" {
			resolving = true
		}
	}
	for _, s := range servers {
		name := s.columns["srv_fqdn"]
		if resolving && name != "" && name != "-" {
			c.forbid("resolvers", c.object(s), fmt.Sprintf("HAProxy looks up the address of %s at run time, so that an answer of "+
				"the name server can undo what pgteal does.", name),
				"Write an IP address into its server line, or leave `resolvers` out there, and reload HAProxy.")
		}
	}
	return nil
}

func (c *check) object(s server) string { return fmt.Sprintf("server %q of %s", s.Name, c.h.name) }
