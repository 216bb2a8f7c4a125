package simulator

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"slices"
	"strconv"

	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/engine"
)

// endpoints are the addresses at which clients connect.
type endpoints struct {
	at       map[string]*endpoint // by address
	released []*engine.Relay      // take no new connections; old ones may live on
}

type endpoint struct {
	relay   *engine.Relay
	cluster func() *dbCluster // where it leads now
	shut    func() bool       // it takes no connections yet; nil: it does
}

// What an endpoint is for. It is a part of what its address is computed from.
const (
	writerEndpoint   = "cluster"
	readerEndpoint   = "cluster-ro"
	instanceEndpoint = "instance"
	proxyEndpoint    = "proxy"
)

// addressOf is the address of an endpoint. It stands for the host name that AWS makes of an identifier.
func addressOf(kind, identifier string) string {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(kind + "/" + identifier)) // it takes everything
	sum := hash.Sum32()
	const first, kinds, usable = 64, 190, 254
	return fmt.Sprintf("127.%d.%d.%d", first+sum%kinds, sum>>8&0xff, 1+(sum>>16)%usable)
}

// open opens an endpoint. The caller holds mu.
func (s *Simulator) open(address string, cluster func() *dbCluster) error {
	if s.world.endpoints.at[address] != nil {
		return fmt.Errorf("open the endpoint %s: it is another's already", address)
	}
	e := &endpoint{cluster: cluster}
	relay, err := engine.Listen(s.ctx, net.JoinHostPort(address, strconv.Itoa(s.port)), func(ctx context.Context) (string, error) {
		return s.admit(ctx, e)
	})
	if err != nil {
		return err
	}
	e.relay = relay
	s.world.endpoints.at[address] = e
	return nil
}

// release closes an endpoint for new connections. The caller holds mu.
func (s *Simulator) release(address string) {
	e := s.world.endpoints.at[address]
	if e == nil {
		return
	}
	delete(s.world.endpoints.at, address)
	if err := e.relay.Release(); err != nil {
		s.logf("close the endpoint %s: %v", address, err)
	}
	s.world.endpoints.released = append(s.world.endpoints.released, e.relay)
}

var errRefused = errors.New("connection refused")

// admit says where a new connection goes.
func (s *Simulator) admit(ctx context.Context, e *endpoint) (string, error) {
	var server *engine.Server
	var elsewhere string
	s.locked(func() {
		c := e.cluster()
		if c == nil || e.shut != nil && e.shut() || !s.world.reachable(c) {
			return
		}
		if elsewhere = c.elsewhere; c.serving {
			server = c.server
		}
	})
	if elsewhere != "" {
		return elsewhere, nil
	}
	if server == nil {
		return "", errRefused
	}
	if err := server.Admit(ctx); err != nil {
		return "", err
	}
	return net.JoinHostPort(server.Address, strconv.Itoa(server.Port)), nil
}

// certify makes the certificate of a cluster's server one for its endpoints. The caller holds mu.
func (s *Simulator) certify(c *dbCluster) error {
	if c.server == nil {
		return nil
	}
	var addresses []string
	for address, e := range s.world.endpoints.at {
		if e.cluster() == c {
			addresses = append(addresses, address)
		}
	}
	slices.Sort(addresses)
	return c.server.SetNames(addresses)
}

// all are the relays of every endpoint that there is or was.
func (e *endpoints) all() []*engine.Relay {
	relays := slices.Clone(e.released)
	for _, one := range e.at {
		relays = append(relays, one.relay)
	}
	return relays
}

// Cut breaks every connection to a DB cluster that stands, and takes new ones.
func (s *Simulator) Cut(cluster string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.world.cluster(&cluster)
	if err != nil {
		return err
	}
	for _, e := range s.world.endpoints.at {
		if e.cluster() == c {
			e.relay.Cut()
		}
	}
	return nil
}
