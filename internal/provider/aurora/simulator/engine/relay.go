package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// dialLimit bounds the way to a server on this machine.
const dialLimit = 5 * time.Second

// Relay is an endpoint: it takes connections at an address and forwards them.
type Relay struct {
	listener net.Listener
	target   func(context.Context) (address string, err error)
	ended    sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

// Listen opens an endpoint. target says where a new connection goes, or why it is refused.
func Listen(ctx context.Context, address string, target func(context.Context) (string, error)) (*Relay, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("open an endpoint: %w", err)
	}
	r := &Relay{listener: listener, target: target, open: map[net.Conn]bool{}}
	r.ended.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r.ended.Go(func() { r.serve(conn) })
		}
	})
	return r, nil
}

func (r *Relay) serve(client net.Conn) {
	defer r.drop(client)
	if !r.keep(client) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
	defer cancel()
	address, err := r.target(ctx)
	if err != nil {
		reset(client)
		return
	}
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		reset(client)
		return
	}
	defer r.drop(server)
	if !r.keep(server) {
		return
	}
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{client: server, server: client} {
		both.Go(func() {
			_, _ = io.Copy(to, from) // either end may break it
			if half, ok := to.(*net.TCPConn); ok {
				_ = half.CloseWrite() // the other direction may go on
			}
		})
	}
	both.Wait()
}

// reset refuses a connection that was taken: the client sees it broken, not closed.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it is closed next
	}
}

func (r *Relay) keep(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.open[conn] = true
	}
	return !r.closed
}

func (r *Relay) drop(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, conn)
	_ = conn.Close() // it may be closed already
}

// Cut breaks every connection and takes new ones.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn := range r.open {
		reset(conn)
		_ = conn.Close() // serve closes it again
	}
}

// Release takes no new connections any more. Those that are there live on.
func (r *Relay) Release() error { return ignoreClosed(r.listener.Close()) }

// Close takes no new connections and ends those that are there.
func (r *Relay) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	err := r.Release()
	r.Cut()
	r.ended.Wait()
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
