package green

import (
	"fmt"
	"strconv"

	"github.com/pgteal/pgteal/internal/provider"
)

// sizes returns the settings that replication between blue and green needs on green, with so many subscriptions, beside what blue's
// own settings leave room for (https://www.postgresql.org/docs/current/logical-replication-config.html). Green is a subscriber first
// and, for the way back, a publisher then.
func (g Cluster) sizes(all []setting, subscriptions int) []provider.Carried {
	number := func(name string) int {
		n, _ := strconv.Atoi(byName(all, name).running) // 0 where blue does not have it
		return n
	}
	needed := []provider.Carried{{Name: "wal_level", Value: "logical", Reason: "for the way back"}}
	more := func(name string, blue, extra int) {
		needed = append(needed, provider.Carried{
			Name: name, Value: strconv.Itoa(blue + extra),
			Reason: fmt.Sprintf("blue's %d and %d for the replication between blue and green", blue, extra),
		})
	}
	slots := subscriptions + 2
	if g.New.Major < 18 {
		slots += subscriptions // a subscriber's origins count as slots
	} else {
		blue := max(number("max_active_replication_origins"), number("max_replication_slots"))
		more("max_active_replication_origins", blue, subscriptions+2)
	}
	more("max_replication_slots", number("max_replication_slots"), slots)
	more("max_wal_senders", number("max_wal_senders"), subscriptions+2)
	more("max_logical_replication_workers", number("max_logical_replication_workers"), subscriptions+2)
	more("max_worker_processes", number("max_worker_processes"), subscriptions+3)
	if number("max_sync_workers_per_subscription") == 0 {
		more("max_sync_workers_per_subscription", 0, 1)
	}
	if workers := number("autovacuum_max_workers"); g.New.Major >= 18 && g.Old.Major < 18 && workers > 16 {
		needed = append(needed, provider.Carried{
			Name: "autovacuum_worker_slots", Value: strconv.Itoa(workers), Reason: "18 allows no more autovacuum_max_workers than this",
		})
	}
	return needed
}
