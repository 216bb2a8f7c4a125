package audit

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
)

// Side is one of the clusters that a Prober tries to write to.
type Side struct {
	Name     string // such as blue; it is written into the probe's rows
	Conninfo string // of a client, not through a pooler that moves
	Database string // where Install has been

	Every time.Duration // the pause between two tries; default 1 ms
}

// Accepted is a write that a cluster took from a client: it was committed at some instant between Begun and Ended.
type Accepted struct {
	Side  string    `json:"side"`
	Begun time.Time `json:"begun"` // before its COMMIT was sent
	Ended time.Time `json:"ended"` // when it was answered
}

// Prober tries to write to clusters without a pause, as a client that does not take a default of read-only for an answer, and
// keeps every write that was accepted. Reigns tells from them whether there was one writer at a time.
type Prober struct {
	stop   context.CancelFunc
	probes sync.WaitGroup

	mu       sync.Mutex
	accepted []Accepted
}

// probeTimeout bounds a try.
const probeTimeout = 5 * time.Second

// StartProber starts a prober. It ends when ctx is over or Stop is called.
func StartProber(ctx context.Context, sides ...Side) (*Prober, error) {
	var configs []*pgx.ConnConfig
	for _, side := range sides {
		config, err := pgx.ParseConfig(side.Conninfo)
		if err != nil {
			return nil, fmt.Errorf("read the connection string of the prober for %s: %w", side.Name, err)
		}
		config.Database = side.Database
		config.DefaultQueryExecMode = pgx.QueryExecModeExec
		config.RuntimeParams["application_name"] = "audit prober"
		config.ConnectTimeout = probeTimeout
		configs = append(configs, config)
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &Prober{stop: cancel}
	for i, side := range sides {
		p.probes.Go(func() { p.probe(ctx, side, configs[i]) })
	}
	return p, nil
}

// Stop ends the prober and returns the writes that were accepted, each cluster's in their order.
func (p *Prober) Stop() []Accepted {
	p.stop()
	p.probes.Wait()
	return p.Accepted()
}

// Accepted returns the writes that were accepted until now.
func (p *Prober) Accepted() []Accepted {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Accepted(nil), p.accepted...)
}

func (p *Prober) probe(ctx context.Context, side Side, config *pgx.ConnConfig) {
	var conn *pgx.Conn
	for n := int64(1); ctx.Err() == nil; n++ {
		if conn == nil {
			conn, _ = pgx.ConnectConfig(ctx, config) // that a cluster lets nobody in is what is expected of it
		}
		if conn != nil {
			a := Accepted{Side: side.Name}
			err := tryToWrite(ctx, conn, n, &a)
			if err == nil {
				p.mu.Lock()
				p.accepted = append(p.accepted, a)
				p.mu.Unlock()
			}
			if conn.IsClosed() {
				conn = nil
			}
		}
		wait(ctx, cmp.Or(side.Every, time.Millisecond))
	}
	if conn != nil {
		postgres.Close(conn)
	}
}

// tryToWrite writes a row in a transaction that asks to be allowed to.
func tryToWrite(ctx context.Context, conn *pgx.Conn, n int64, a *Accepted) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadWrite})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO audit.probe (cluster, n) VALUES ($1, $2)`, a.Side, n); err != nil {
		_ = tx.Rollback(ctx) // whatever it says, nothing was accepted
		return err
	}
	a.Begun = time.Now()
	err = tx.Commit(ctx)
	a.Ended = time.Now()
	return err
}
