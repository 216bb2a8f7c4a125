package route53

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// lookupLimit bounds a look-up with the resolver.
const lookupLimit = 3 * time.Second

// blue remarks where the record does not seem to lead to blue. Only names and addresses are compared, and a host may have several.
func (c *check) blue(ctx context.Context, sets []set) {
	host := c.r.Blue.Host
	if host != "" && slices.ContainsFunc(sets, func(s set) bool { return bare(s.Values[0]) == bare(host) }) {
		return
	}
	var there, blue []netip.Addr
	for _, s := range sets {
		there = append(there, c.lookup(ctx, bare(s.Values[0]))...)
	}
	if host == "" {
		host, blue = "this host", own()
	} else {
		blue = c.lookup(ctx, host)
	}
	if len(there) > 0 && len(blue) > 0 && !common(there, blue) {
		c.remark("blue", fmt.Sprintf("It leads to %v, whose addresses %v are none of blue's, %s with %v.", sets, there, host, blue),
			"Make sure that it leads to blue: after the switchover its clients are at green.")
	}
}

// resolver remarks where this host's resolver does not lead where the hosted zone says.
func (c *check) resolver(ctx context.Context, sets []set) {
	var there []netip.Addr
	for _, s := range sets {
		for _, v := range s.Values {
			there = append(there, c.lookup(ctx, bare(v))...)
		}
	}
	here := c.lookup(ctx, c.r.Record)
	if common(here, there) {
		return
	}
	seen := "finds nothing under its name"
	if len(here) > 0 {
		seen = fmt.Sprintf("finds %v under its name", here)
	}
	c.remark("resolver", fmt.Sprintf("The hosted zone has %v, but this host's resolver %s.", sets, seen),
		"Make sure that clients resolve the name in this hosted zone: it may be private, not delegated, or there may be another one of its name.")
}

// lookup returns the addresses of host, none where it has none.
func (c *check) lookup(ctx context.Context, host string) []netip.Addr {
	if address, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{address.Unmap()}
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	addresses, err := c.r.Resolver.LookupNetIP(ctx, "ip", strings.TrimSuffix(host, ".")+".") // no search domains
	if err != nil {
		return nil
	}
	for i := range addresses {
		addresses[i] = addresses[i].Unmap()
	}
	return addresses
}

// own returns this host's addresses.
func own() (addresses []netip.Addr) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range all {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			addresses = append(addresses, prefix.Addr())
		}
	}
	return addresses
}

func common(a, b []netip.Addr) bool {
	return slices.ContainsFunc(a, func(address netip.Addr) bool {
		return slices.ContainsFunc(b, func(other netip.Addr) bool { return other == address || other.IsLoopback() && address.IsLoopback() })
	})
}
