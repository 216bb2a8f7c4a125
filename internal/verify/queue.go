package verify

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/pgteal/pgteal/internal/postgres"
)

// A group is bounded in number, so that its locks come nowhere near the lock table's size (max_locks_per_transaction *
// max_connections, 6,400 by default) and are taken in a moment, and in bytes, so that no snapshot keeps vacuum from its work for
// long.
const (
	groupTables = 64
	groupBytes  = 4 << 30
)

// group is a number of tables of one database that are compared at the same point of the commit order.
type group struct {
	database postgres.Database
	tables   []table
	attempts int       // that failed since the group was made
	since    time.Time // when one of its tables first could not be compared; zero where none failed
	ready    time.Time // not to be tried before
}

// part returns a new group of some of g's tables. They keep what they have used up of the patience for them.
func (g *group) part(tables []table) *group {
	since := g.since
	if since.IsZero() {
		since = time.Now()
	}
	return &group{database: g.database, tables: tables, since: since}
}

// queue holds the groups that are still to be compared.
type queue struct {
	mu      sync.Mutex
	groups  []*group
	working int
	settled int64 // bytes
}

// fill puts the tables of a database into groups, large tables first, so that the last groups to run are quick ones.
func (q *queue) fill(database postgres.Database, tables []table, jobs int) {
	slices.SortStableFunc(tables, func(a, b table) int { return int(min(1, max(-1, b.bytes-a.bytes))) })
	limit := max(1, min(groupTables, (len(tables)+jobs-1)/jobs))
	var g *group
	var bytes int64
	for _, t := range tables {
		if g == nil || len(g.tables) == limit || bytes+t.bytes > groupBytes {
			g, bytes = &group{database: database}, 0
			q.put(g)
		}
		g.tables = append(g.tables, t)
		bytes += t.bytes
	}
}

func (q *queue) put(g *group) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.groups = append(q.groups, g)
}

// next takes a group that may be tried now, of the database near if there is one. It waits while all groups that are left are to be
// tried later or are with other workers, which may put them back. It returns nil when everything is done, or when ctx is.
func (q *queue) next(ctx context.Context, near string) (*group, error) {
	for {
		g, wait := q.take(near)
		if g != nil || wait < 0 {
			return g, nil
		}
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// take returns a group, or how long to wait before the next look, -1 where nothing can come any more.
func (q *queue) take(near string) (*group, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.groups) == 0 && q.working == 0 {
		return nil, -1
	}
	best, wait := -1, 20*time.Millisecond
	for i, g := range q.groups {
		if left := time.Until(g.ready); left > 0 {
			wait = min(wait, left)
			continue
		}
		if best < 0 || (g.database.Name == near && q.groups[best].database.Name != near) {
			best = i
		}
	}
	if best < 0 {
		return nil, wait
	}
	g := q.groups[best]
	q.groups = slices.Delete(q.groups, best, best+1)
	q.working++
	return g, 0
}

// done says that the worker of a group has finished with it and has put back what is left of it.
func (q *queue) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.working--
}

// bytes returns the size of everything in the queue.
func (q *queue) bytes() (sum int64) {
	for _, g := range q.groups {
		for _, t := range g.tables {
			sum += t.bytes
		}
	}
	return sum
}

// settle counts bytes as dealt with and returns the sum.
func (q *queue) settle(bytes int64) int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.settled += bytes
	return q.settled
}

// pause waits for d or until ctx is over.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
