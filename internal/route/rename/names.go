package rename

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/rdsstatus"
)

// named is a DB cluster or a DB instance with its names. What it is called now does not say what it is: its resource id does.
type named struct {
	Resource string `json:"resource"`           // DbClusterResourceId or DbiResourceId
	Instance bool   `json:"instance,omitempty"` // a DB instance
	Green    bool   `json:"green,omitempty"`    // green, or of green
	Blue     string `json:"blue"`               // its identifier while blue has the clients' names
	Moved    string `json:"moved"`              // its identifier while green has them
}

// wanted is the identifier that n is to have.
func (n named) wanted(green bool) string {
	if green {
		return n.Moved
	}
	return n.Blue
}

// state says whether n can be renamed with a status, or will be able to by itself.
func (n named) state(status string) rdsstatus.State {
	switch {
	case !n.Instance:
		return rdsstatus.OfCluster(status)
	case rdsstatus.Normal(status) == "deleting": // it will be gone, and its name free
		return rdsstatus.Passing
	default:
		return rdsstatus.OfInstance(status)
	}
}

// String is `DB cluster "orders"`, by the name that it has before.
func (n named) String() string {
	if n.Instance {
		return fmt.Sprintf("DB instance %q", n.Blue)
	}
	return fmt.Sprintf("DB cluster %q", n.Blue)
}

// suffix is what the names of blue get when they are renamed away.
const suffix = "-blue"

// away is the identifier of something of blue's when it is renamed away: the same for every process. Identifiers have at most 63 characters
// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBCluster.html).
func away(identifier string) string {
	const most = 63
	return strings.TrimRight(identifier[:min(len(identifier), most-len(suffix))], "-") + suffix
}

// namesOf pairs blue's names with green's: cluster with cluster, writer with writer, and readers in the order of promotion tier, class and name.
// An instance that has no counterpart keeps its name.
func namesOf(blue, green *types.DBCluster, instances []types.DBInstance) (names []named) {
	add := func(instance bool, resources [2]*string, identifiers [2]*string) {
		b, g := aws.ToString(identifiers[0]), aws.ToString(identifiers[1])
		names = append(names,
			named{Resource: aws.ToString(resources[0]), Instance: instance, Blue: b, Moved: away(b)},
			named{Resource: aws.ToString(resources[1]), Instance: instance, Green: true, Blue: g, Moved: b})
	}
	add(false, [2]*string{blue.DbClusterResourceId, green.DbClusterResourceId}, [2]*string{blue.DBClusterIdentifier, green.DBClusterIdentifier})
	ofBlue, ofGreen := members(blue, instances), members(green, instances)
	for n := range min(len(ofBlue), len(ofGreen)) {
		add(true, [2]*string{ofBlue[n].DbiResourceId, ofGreen[n].DbiResourceId},
			[2]*string{ofBlue[n].DBInstanceIdentifier, ofGreen[n].DBInstanceIdentifier})
	}
	return names
}

// members are the instances of c among all, the writer first.
func members(c *types.DBCluster, all []types.DBInstance) (members []types.DBInstance) {
	writer := ""
	for _, m := range c.DBClusterMembers {
		if aws.ToBool(m.IsClusterWriter) {
			writer = aws.ToString(m.DBInstanceIdentifier)
		}
	}
	for _, i := range all {
		if aws.ToString(i.DBClusterIdentifier) == *c.DBClusterIdentifier {
			members = append(members, i)
		}
	}
	slices.SortFunc(members, func(a, b types.DBInstance) int {
		writes := func(i types.DBInstance) int {
			if *i.DBInstanceIdentifier == writer {
				return 0
			}
			return 1
		}
		return cmp.Or(writes(a)-writes(b), int(aws.ToInt32(a.PromotionTier)-aws.ToInt32(b.PromotionTier)),
			cmp.Compare(aws.ToString(a.DBInstanceClass), aws.ToString(b.DBInstanceClass)), cmp.Compare(*a.DBInstanceIdentifier, *b.DBInstanceIdentifier))
	})
	return members
}

// pair finds the names of blue and of the DB cluster green, as they are before anything is renamed.
func (r *Rename) pair(ctx context.Context, green string) ([]named, error) {
	there, err := r.look(ctx)
	if err != nil {
		return nil, err
	}
	b, g := there.clusters[r.Blue], there.clusters[green]
	switch {
	case b == nil:
		return nil, fmt.Errorf("%s: blue, DB cluster %s, is gone", r.name, r.Blue)
	case g == nil:
		return nil, fmt.Errorf("%s: green, DB cluster %s, is gone", r.name, green)
	case *b.DBClusterIdentifier != r.Cluster:
		return nil, fault.New(fault.Failed, fmt.Errorf("%s: blue has another name already, %q, and what it was called before was not written down",
			r.name, *b.DBClusterIdentifier), "Give the names back by hand: aws rds modify-db-cluster --new-db-cluster-identifier ...")
	}
	var all []types.DBInstance
	for _, i := range there.instances {
		all = append(all, *i)
	}
	return namesOf(b, g, all), nil
}
