// Package route53 is the route through a DNS record in Amazon Route 53. Clients are led elsewhere by changing the record
// (https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html). DNS cannot hold clients, and it carries no
// port: blue and green need the same one.
package route53

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/pgteal/pgteal/internal/route"
)

// Config says which record moves.
type Config struct {
	Zone    string        // id of the hosted zone
	Record  string        // name of the record, without a dot at its end
	TTL     time.Duration // what Point gives the record, in whole seconds; 0 keeps what it has
	Region  string        // AWS region; "" takes the SDK's, or else us-east-1
	Profile string        // profile of the SDK's shared files; "" takes its standard chain

	Blue  route.Endpoint // where the record leads before; an empty host stands for this host, port 0 for one that is not known
	Green route.Endpoint // where it is to lead

	Directory string        // where the record is kept as it was before the first Point
	Resolver  *net.Resolver // with which Check looks where clients land; nil takes this host's
}

// Route53 is the route through one record. It is not for concurrent use.
type Route53 struct {
	Config
	name string
	api  *route53.Client // nil until it is needed
	http *http.Client    // under api
}

var _ route.Route = (*Route53)(nil)

// New returns the route through the record of c. Nothing is opened yet.
func New(c Config) *Route53 {
	c.Record = bare(c.Record)
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	return &Route53{Config: c, name: "route53 " + c.Record}
}

// Name is `route53 db.example.com`.
func (r *Route53) Name() string { return r.name }

// Hold holds nobody: DNS cannot.
func (*Route53) Hold(context.Context) error { return nil }

// Release has nothing to do.
func (*Route53) Release(context.Context) error { return nil }

// Close ends the connections to the API.
func (r *Route53) Close() error {
	if r.http != nil {
		r.http.CloseIdleConnections()
	}
	return nil
}

// Where waits until the change that pgteal made last is on all of Route 53's name servers, and returns where the record leads. The port is
// green's, which has to be blue's too. Resolvers and clients may know the old address for as long as its TTL.
func (r *Route53) Where(ctx context.Context) ([]route.Endpoint, error) {
	kept, err := r.recall()
	if err != nil {
		return nil, err
	}
	if err := r.await(ctx, kept.Change); err != nil {
		return nil, err
	}
	all, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	sets, err := r.addresses(all)
	if err != nil {
		return nil, err
	}
	var endpoints []route.Endpoint
	for _, s := range sets {
		for _, value := range s.Values {
			endpoints = append(endpoints, route.Endpoint{Host: bare(value), Port: r.Green.Port})
		}
	}
	return endpoints, nil
}

// set is a record set of simple routing: a type, a TTL in seconds and values.
type set struct {
	Type   types.RRType `json:"type"`
	TTL    int64        `json:"ttl"`
	Values []string     `json:"values"`
}

// String is `CNAME db1.example.com.`.
func (s set) String() string { return string(s.Type) + " " + strings.Join(s.Values, " ") }

// leadingTo returns the record set that leads to host.
func leadingTo(host string, ttl int64) set {
	address, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return set{Type: types.RRTypeCname, TTL: ttl, Values: []string{bare(host) + "."}}
	case address.Unmap().Is4():
		return set{Type: types.RRTypeA, TTL: ttl, Values: []string{address.Unmap().String()}}
	default:
		return set{Type: types.RRTypeAaaa, TTL: ttl, Values: []string{address.WithZone("").String()}}
	}
}

// addresses returns those of all that say where clients find the record's host. It is an error where there is none, or where Route 53 chooses
// between several.
func (r *Route53) addresses(all []types.ResourceRecordSet) (sets []set, err error) {
	for _, s := range all {
		switch s.Type {
		case types.RRTypeA, types.RRTypeAaaa, types.RRTypeCname:
		default:
			continue
		}
		if policy := policyOf(s); policy != "" {
			return nil, fmt.Errorf("%s: its record set of type %s has %s, not a plain value", r.name, s.Type, policy)
		}
		simple := set{Type: s.Type, TTL: *s.TTL}
		for _, v := range s.ResourceRecords {
			simple.Values = append(simple.Values, *v.Value)
		}
		sets = append(sets, simple)
	}
	if sets == nil {
		return nil, fmt.Errorf("%s: hosted zone %s has no record of type A, AAAA or CNAME of that name", r.name, r.Zone)
	}
	return sets, nil
}

// policyOf says what makes s more than a name with values; "" where nothing does.
func policyOf(s types.ResourceRecordSet) string {
	switch {
	case s.AliasTarget != nil:
		return "an alias"
	case s.Weight != nil:
		return "a weight"
	case s.Region != "":
		return "latency routing"
	case s.Failover != "":
		return "failover routing"
	case s.GeoLocation != nil, s.GeoProximityLocation != nil:
		return "geographic routing"
	case s.CidrRoutingConfig != nil:
		return "IP-based routing"
	case s.MultiValueAnswer != nil:
		return "multivalue answer routing"
	case s.SetIdentifier != nil:
		return "a set identifier"
	case s.TrafficPolicyInstanceId != nil:
		return "a traffic policy"
	case s.HealthCheckId != nil:
		return "a health check"
	case s.TTL == nil:
		return "no TTL"
	default:
		return ""
	}
}

// bare is a name as it is compared: in lower case, without the dot at its end.
func bare(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
