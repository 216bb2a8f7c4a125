package pgbouncer

import (
	"context"
	"fmt"
	"time"
)

// stays is the age from which a client in session pooling counts as one that stays.
const stays = 5 * time.Second

// poolMode finds databases in session pooling. There a client keeps its server until it disconnects, so that PAUSE waits for that:
// with clients that stay, Hold always runs out of time.
func (c *check) poolMode(ctx context.Context) error {
	pools, err := c.b.sessions.query(ctx, "SHOW POOLS")
	if err != nil {
		return err
	}
	clients, err := c.b.sessions.query(ctx, "SHOW CLIENTS")
	if err != nil {
		return err
	}
	session := map[string]bool{} // by the database's name
	for name, d := range c.live {
		mode := d["pool_mode"]
		if mode == "" {
			mode = c.settings["pool_mode"]
		}
		session[name] = mode == "session"
	}
	for _, p := range pools { // a user may have a mode of its own
		session[p["database"]] = session[p["database"]] || p["pool_mode"] == "session"
	}
	staying := stayingClients(clients)
	for name, is := range session {
		if !is || name == "pgbouncer" || name == probe && !c.f.has(fallback) || name != probe && !c.f.has(fallback) && !c.f.has(name) {
			continue
		}
		object := fmt.Sprintf("database %q of %s", name, c.b.name)
		if name == probe {
			object = fmt.Sprintf("databases of `*` of %s", c.b.name)
		}
		fix := fmt.Sprintf("Where the application allows it, add pool_mode=transaction to its entry in %s, then: %s",
			c.b.includePath, c.b.psql("RELOAD"))
		if n := staying[name]; n > 0 {
			c.forbid("session-pooling", object, fmt.Sprintf("It is in session pooling, and %d clients keep their "+
				"connection for longer than %s. PgBouncer can hold a client only when that has disconnected, so holding would run "+
				"out of time.", n, stays), fix)
			continue
		}
		c.remark("session-pooling", object, "It is in session pooling: PgBouncer holds its clients once each of "+
			"them has disconnected. The pause is as long as the longest session.", fix)
	}
	return nil
}

// stayingClients counts clients by database that have had a server for long. PgBouncer's times are in its own time zone, and the
// newest of them, our own request, is now.
func stayingClients(clients []row) map[string]int {
	parse := func(s string) (time.Time, bool) {
		if len(s) < len(time.DateTime) {
			return time.Time{}, false
		}
		t, err := time.Parse(time.DateTime, s[:len(time.DateTime)])
		return t, err == nil
	}
	var now time.Time
	for _, client := range clients {
		if t, ok := parse(client["request_time"]); ok && t.After(now) {
			now = t
		}
	}
	staying := map[string]int{}
	for _, client := range clients {
		if t, ok := parse(client["connect_time"]); ok && client["link"] != "" && now.Sub(t) > stays {
			staying[client["database"]]++
		}
	}
	return staying
}
