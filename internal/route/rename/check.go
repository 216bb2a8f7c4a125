package rename

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/route/rdsapi"
)

// checkLimit bounds Check where the API does not answer.
const checkLimit = 20 * time.Second

// Check finds what would keep the names from moving: names that are taken, or not as they were, and missing rights. Those it tries with new names that
// AWS refuses because of their form.
func (r *Rename) Check(ctx context.Context) ([]finding.Finding, error) {
	c := &check{r: r}
	limited, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	if err := c.all(limited); err != nil {
		c.forbid("api", "Amazon's API does not do what pgteal needs: "+finding.OneLine(err)+".", fault.HintOf(err))
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	finding.Sort(c.findings)
	return c.findings, nil
}

// check is one run of Check.
type check struct {
	r        *Rename
	findings []finding.Finding
}

// forbid adds a finding that stands in the way of the switchover.
func (c *check) forbid(name, reason, fix string) { c.add(finding.Switchover, name, reason, fix) }

// remark adds a finding that the operator should know.
func (c *check) remark(name, reason, fix string) { c.add(finding.Nothing, name, reason, fix) }

func (c *check) add(blocks finding.Blocks, name, reason, fix string) {
	c.findings = append(c.findings, finding.Finding{
		Check: "rename-" + name, Blocks: blocks, Object: "DB cluster " + c.r.Cluster, Reason: reason, Fix: fix,
	})
}

func (c *check) all(ctx context.Context) error {
	there, err := c.r.look(ctx)
	if err != nil {
		return err
	}
	blue := there.clusters[c.r.Blue]
	if blue == nil {
		c.forbid("blue", "Blue, "+c.r.Blue+", is gone.", "")
		return nil
	}
	if custom := blue.CustomEndpoints; len(custom) > 0 {
		c.remark("custom-endpoints", fmt.Sprintf("Blue's custom endpoints %s stay with blue: their clients do not come along.", strings.Join(custom, ", ")),
			"Make custom endpoints of green's, and lead those clients there.")
	}
	kept, err := c.r.recall()
	if err != nil {
		c.forbid("original", "What was kept of the names cannot be read: "+finding.OneLine(err)+".",
			"Mend the file, or give the names back by hand and remove it.")
		return nil
	}
	names := kept.Names
	if names == nil {
		if *blue.DBClusterIdentifier != c.r.Cluster {
			c.forbid("blue", fmt.Sprintf("Blue is called %q, not as its clients know it.", *blue.DBClusterIdentifier), "Give it its name back.")
			return nil
		}
		names = c.expected(there, blue)
	}
	c.names(there, names)
	return c.rights(ctx, there, names)
}

// expected are the names as a Point would move them now. Before green is made they are blue's alone.
func (c *check) expected(there seen, blue *types.DBCluster) (names []named) {
	var all []types.DBInstance
	for _, i := range there.instances {
		all = append(all, *i)
	}
	if green := there.clusters[there.holder(false, c.r.Green)]; green != nil {
		return namesOf(blue, green, all)
	}
	add := func(instance bool, resource, identifier string) {
		names = append(names, named{Resource: resource, Instance: instance, Blue: identifier, Moved: away(identifier)})
	}
	add(false, c.r.Blue, *blue.DBClusterIdentifier)
	for _, i := range members(blue, all) {
		add(true, aws.ToString(i.DbiResourceId), *i.DBInstanceIdentifier)
	}
	return names
}

// names checks that everything has one of its two names, and that nobody else has them.
func (c *check) names(there seen, names []named) {
	for _, n := range names {
		identifier, _, _ := there.of(n)
		if identifier == "" {
			if !n.Instance {
				c.forbid("names", fmt.Sprintf("%s (%s) is gone.", n, n.Resource), "")
			}
			continue
		}
		if identifier != n.Blue && identifier != n.Moved {
			c.forbid("names", fmt.Sprintf("Somebody has renamed %s to %q.", n, identifier), "Give it its name back.")
		}
		for _, name := range []string{n.Blue, n.Moved} {
			if holder := there.holder(n.Instance, name); holder != "" && !ours(names, holder) {
				c.forbid("names", fmt.Sprintf("%s is to be called %q, and something else has that name (%s).", n, name, holder), "Rename or remove that.")
			}
		}
	}
}

// impossible is a new name that AWS refuses: it begins with no letter, and ends with a hyphen.
const impossible = "-"

// rights tries to rename everything, in a way that AWS refuses when the rights are there.
func (c *check) rights(ctx context.Context, there seen, names []named) error {
	for _, n := range names {
		identifier, _, _ := there.of(n)
		if identifier == "" {
			continue
		}
		err := c.r.passing(c.r.rename(ctx, n, identifier, impossible, false))
		if err != nil && !rdsapi.Is(err, "InvalidParameterValue", "InvalidParameterCombination") {
			return err
		}
	}
	return nil
}
