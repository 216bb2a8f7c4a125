package haproxy

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// mostServers is how many servers a backend may have: blue's and green's.
const mostServers = 2

// count finds backends of which it is not plain where they lead.
func (c *check) count(servers []server) {
	if len(servers) < 1 || len(servers) > mostServers {
		c.forbid("servers", c.h.name, fmt.Sprintf("Its backend has %d servers, and pgteal understands one or two.", len(servers)),
			"Keep one server line, whose address pgteal changes, or two: blue's, and green's with `disabled`. "+
				"Standbys that are read from belong into another backend.")
		return
	}
	var open, takers []server
	for _, s := range servers {
		if !s.maintenance() {
			open = append(open, s)
		}
		if s.takes() {
			takers = append(takers, s)
		}
	}
	if len(open) > 1 {
		s := open[1]
		for _, o := range open {
			if !o.takes() {
				s = o
			}
		}
		c.forbid("spare", c.object(s), "Both servers are in service, so clients could be led to either.",
			fmt.Sprintf("Put `disabled` behind its server line in haproxy.cfg, and run: %s",
				c.h.shell("set server "+c.h.Backend+"/"+s.Name+" state maint")))
	}
	if len(takers) == 0 {
		c.forbid("down", c.h.name, "None of its servers takes clients: "+c.states(servers)+".", "See why: "+c.h.shell("show stat "+c.h.Backend+" -1 -1"))
	}
}

func (c *check) states(servers []server) string {
	var list []string
	for _, s := range servers {
		state := "in service"
		switch {
		case s.maintenance():
			state = "in maintenance"
		case s.Admin&draining != 0 || s.weight == 0:
			state = "draining"
		case !s.up():
			state = "down by its health check"
		}
		list = append(list, s.Name+" is "+state)
	}
	return strings.Join(list, ", ")
}

// server checks one server, of which stat is the line of `show stat`. An only one changes its address.
func (c *check) server(s server, stat row, only bool) {
	reload := " and reload HAProxy."
	if _, err := netip.ParseAddr(s.Address); err != nil || s.Port == 0 {
		c.forbid("address", c.object(s), fmt.Sprintf("It is at %q, port %d. HAProxy can change only an IP address with a port at run time.", s.Address, s.Port),
			"Give its server line an address and a port, such as 10.0.0.1:5432,"+reload)
	}
	if stat["bck"] == "1" {
		c.forbid("backup", c.object(s), "It is a backup server: HAProxy leads clients there by itself when the other one is down.",
			"Put `disabled` in the place of `backup` in its server line"+reload)
	}
	if tracked := stat["tracked"]; tracked != "" {
		c.forbid("track", c.object(s), fmt.Sprintf("It takes its state from %s (`track`), so pgteal cannot say that it is up.", tracked),
			"Give its server line a `check` of its own in the place of `track`"+reload)
	}
	c.healthCheck(s, only)
	if n, err := strconv.Atoi(s.columns["srv_agent_state"]); err == nil && n&configured != 0 {
		c.remark("agent", c.object(s), "An agent (`agent-check`) can take it out of service, also after the switchover.",
			"See to it that the agent on green's host says `up ready`.")
	}
}

// configured is the bit of srv_agent_state by which there is such a check.
const configured = 0x02

// healthCheck finds health checks that look at another place than the one to which clients are led: they would take green for down
// although it is there, or for up although it is not.
func (c *check) healthCheck(s server, only bool) {
	port, address := s.columns["srv_check_port"], s.columns["srv_check_addr"]
	elsewhere := ""
	if port != "" && port != "0" {
		elsewhere = "port " + port
	}
	if address != "" && address != "-" {
		elsewhere = strings.TrimSpace("address " + address + " " + elsewhere)
	}
	if elsewhere == "" {
		return
	}
	reason := fmt.Sprintf("Its health check looks at %s, not at the address that clients are led to", elsewhere)
	if only {
		c.forbid("check-port", c.object(s), reason+", and would go on looking at blue.",
			"Take `port` and `addr` out of its server line, so that PostgreSQL itself is checked, or give green a server line of its own with `disabled`; "+
				"then reload HAProxy.")
		return
	}
	c.remark("check-port", c.object(s), reason+".", "See to it that what answers there also does so once this server serves.")
}
