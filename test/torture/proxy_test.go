package torture

import (
	"errors"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// proxy is the network between blue and all of pgteal's connections to it, green's subscriptions included.
type proxy struct {
	listener net.Listener
	target   string
	ended    sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]bool
	cut    bool
	passes chan struct{} // closed where bytes pass
}

// networkFaults happen to the network between blue and the others.
func networkFaults() []*kind {
	return []*kind{
		{name: "the network to blue cut", often: 4, moments: anywhere, longest: maxPause, needsProxy: true, strike: func(r *round, _ strike) func() {
			r.proxy.setCut(true)
			return func() { r.proxy.setCut(false) }
		}},
		{name: "the network to blue silent", often: 4, moments: anywhere, longest: 2 * maxPause, needsProxy: true, strike: func(r *round, _ strike) func() {
			r.proxy.silence()
			return r.proxy.speak
		}},
	}
}

// newProxy starts a proxy to a port of this host. It ends with the test.
func newProxy(t *testing.T, port int) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), open: map[net.Conn]bool{}, passes: make(chan struct{})}
	close(p.passes)
	p.ended.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close() // nothing is written to it
		p.setCut(true)
		p.speak()
		p.ended.Wait()
	})
	return p
}

func (p *proxy) port() string {
	_, port, _ := net.SplitHostPort(p.listener.Addr().String()) // a listener's address has a port
	return port
}

func (p *proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.ended.Go(func() {
			defer near.Close()                                          //nolint:errcheck // whoever wrote to it has been told
			far, err := net.DialTimeout("tcp", p.target, 5*time.Second) // blue may be down
			if err != nil {
				return
			}
			defer far.Close() //nolint:errcheck // likewise
			if !p.keep(near, far) {
				return
			}
			var both sync.WaitGroup
			both.Go(func() { p.pass(near, far) })
			both.Go(func() { p.pass(far, near) })
			both.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			delete(p.open, near)
			delete(p.open, far)
		})
	}
}

// keep keeps connections for a cut. It returns false where the network is cut.
func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		p.open[conn] = true
	}
	return !p.cut
}

// pass hands bytes on from one connection to another, and ends both with the first.
func (p *proxy) pass(from, to net.Conn) {
	defer to.Close() //nolint:errcheck // the other direction notices
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		passes := p.passes
		p.mu.Unlock()
		<-passes
		_, failed := to.Write(buffer[:n])
		if errors.Join(err, failed) != nil {
			return // also at io.EOF
		}
	}
}

// setCut ends all connections and lets none through, or lets them through again.
func (p *proxy) setCut(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	for conn := range p.open {
		_ = conn.Close() // that is the point
	}
	clear(p.open)
}

// silence keeps every byte back, and speak lets them all through.
func (p *proxy) silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passes = make(chan struct{})
}

func (p *proxy) speak() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.passes:
	default:
		close(p.passes)
	}
}
