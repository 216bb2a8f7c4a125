package route53

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
)

// checkLimit bounds Check where the API does not answer.
const checkLimit = 20 * time.Second

// longTTL is the longest TTL, in seconds, that Check says nothing about. Aurora gives its own cluster endpoints as much.
const longTTL = 5

// Check finds what would keep the record from being changed, and what would keep clients from following it. It tries the rights to change it
// with a change that Route 53 refuses.
func (r *Route53) Check(ctx context.Context) ([]finding.Finding, error) {
	c := &check{r: r}
	limited, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	c.endpoint()
	c.record(limited)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	finding.Sort(c.findings)
	return c.findings, nil
}

// check is one run of Check.
type check struct {
	r        *Route53
	findings []finding.Finding
}

// forbid adds a finding that stands in the way of the switchover.
func (c *check) forbid(name, reason, fix string) { c.add(finding.Switchover, name, reason, fix) }

// remark adds a finding that the operator should know.
func (c *check) remark(name, reason, fix string) { c.add(finding.Nothing, name, reason, fix) }

func (c *check) add(blocks finding.Blocks, name, reason, fix string) {
	c.findings = append(c.findings, finding.Finding{
		Check: "route53-" + name, Blocks: blocks, Object: "record " + c.r.Record + " in hosted zone " + c.r.Zone, Reason: reason, Fix: fix,
	})
}

// fail adds an error of the API.
func (c *check) fail(err error) {
	c.forbid("api", "Amazon's API does not do what pgteal needs: "+finding.OneLine(err)+".", fault.HintOf(err))
}

// endpoint checks that green is somewhere to which a record can lead.
func (c *check) endpoint() {
	blue, green := c.r.Blue, c.r.Green
	switch {
	case green.Host == "":
		c.forbid("host", "green.host is not set, so green is at blue's host, and the record has nothing to change.",
			"Set green.host in pgteal.yaml to the name or address at which clients reach green.")
	case bare(green.Host) == c.r.Record:
		c.forbid("host", "green.host is the record itself, which would lead to itself.",
			"Set green.host in pgteal.yaml to the name or address of green's own host.")
	}
	if blue.Port != 0 && blue.Port != green.Port {
		c.forbid("port", fmt.Sprintf("DNS carries no port: clients would look for green at blue's port, %d, and green has %d.", blue.Port, green.Port),
			fmt.Sprintf("Set green.port in pgteal.yaml to %d.", blue.Port))
	}
}

// record checks what the hosted zone has of the record's name, and the rights to change it.
func (c *check) record(ctx context.Context) {
	all, err := c.r.list(ctx)
	if err != nil {
		c.fail(err)
		return
	}
	sets, err := c.r.addresses(all)
	if err != nil {
		c.forbid("record", "It is not a record that pgteal can move: "+finding.OneLine(err)+".",
			"Make it a record of simple routing, CNAME, A or AAAA, with one value, which leads to blue; or name another one in `record`.")
		return
	}
	for _, s := range sets {
		if len(s.Values) != 1 {
			c.forbid("record", fmt.Sprintf("It has %d values of type %s, between which clients choose.", len(s.Values), s.Type), "Leave only blue's.")
		}
		if s.TTL > longTTL {
			c.remark("ttl", fmt.Sprintf("Its TTL is %d s, and clients may look for the database at the old address for as long.", s.TTL),
				fmt.Sprintf("Lower it now and wait %d s before the switchover: %s", s.TTL, c.lowered(s)))
		}
	}
	c.leads(ctx, sets)
	c.wanted(all)
	if err := c.rights(ctx, sets[0].Type); err != nil {
		c.fail(err)
	}
	c.resolver(ctx, sets)
}

// leads checks that the record leads to blue or, after Point, to green.
func (c *check) leads(ctx context.Context, sets []set) {
	kept, err := c.r.recall()
	if err != nil {
		c.forbid("original", "What was kept of the record as it was cannot be read: "+finding.OneLine(err)+".",
			"Mend the file, or remove it: then there is no way back.")
		return
	}
	toGreen := c.r.Green.Host != "" && slices.ContainsFunc(sets, func(s set) bool {
		return slices.Contains(s.Values, leadingTo(c.r.Green.Host, 0).Values[0])
	})
	switch {
	case kept.Original != nil && !toGreen && !slices.EqualFunc(sets, kept.Original, set.leadsAs):
		c.forbid("original", fmt.Sprintf("Somebody has changed it to %v. pgteal knows it as %v.", sets, kept.Original),
			"Set it back to that, or remove "+c.r.keptPath()+" where it shall be as it is now.")
	case kept.Original == nil && toGreen:
		c.forbid("blue", "It leads to green already, which does not take clients yet.", "Let it lead to blue.")
	case kept.Original == nil:
		c.blue(ctx, sets)
	}
}

// leadsAs tells whether s leads where other does. TTLs may differ.
func (s set) leadsAs(other set) bool {
	return s.Type == other.Type && slices.Equal(s.Values, other.Values)
}

// wanted checks that the record that Point makes may stand where it has to.
func (c *check) wanted(all []types.ResourceRecordSet) {
	if c.r.Green.Host == "" || leadingTo(c.r.Green.Host, 0).Type != types.RRTypeCname {
		return
	}
	for _, s := range all {
		switch s.Type {
		case types.RRTypeA, types.RRTypeAaaa, types.RRTypeCname:
		default:
			c.forbid("cname", fmt.Sprintf("green.host is a name, so the record becomes a CNAME, which may not be next to its record of type %s.", s.Type),
				"Set green.host in pgteal.yaml to green's address, or let clients use a name that has no other records.")
			return
		}
	}
}

// rights tries what Point and Where do, in a way that is refused when the rights are there: deleting a record set that is not there, and asking
// for a change that never was.
func (c *check) rights(ctx context.Context, t types.RRType) error {
	nowhere := set{Type: t, TTL: 1<<31 - 1, Values: []string{map[types.RRType]string{
		types.RRTypeA: "192.0.2.1", types.RRTypeAaaa: "2001:db8::1", types.RRTypeCname: "pgteal.invalid.", // all set aside for examples
	}[t]}}
	_, err := c.r.change(ctx, []types.Change{{Action: types.ChangeActionDelete, ResourceRecordSet: nowhere.request()}})
	if _, refused := errors.AsType[*types.InvalidChangeBatch](err); err != nil && !refused {
		return err
	}
	_, err = c.r.status(ctx, "CPGTEALPROBE00")
	_, unknown := errors.AsType[*types.NoSuchChange](err)
	_, invalid := errors.AsType[*types.InvalidInput](err)
	if err != nil && !unknown && !invalid {
		return err
	}
	return nil
}

// lowered is a command that gives s a short TTL.
func (c *check) lowered(s set) string {
	var values []string
	for _, v := range s.Values {
		values = append(values, fmt.Sprintf(`{"Value":%q}`, v))
	}
	return fmt.Sprintf(`aws route53 change-resource-record-sets --hosted-zone-id %s --change-batch '{"Changes":[{"Action":"UPSERT",`+
		`"ResourceRecordSet":{"Name":%q,"Type":%q,"TTL":%d,"ResourceRecords":[%s]}}]}'`,
		c.r.Zone, c.r.Record, s.Type, longTTL, strings.Join(values, ","))
}
