package aurora

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// mostClones is how many clones share one volume. The next one is a full copy, restored as of some minutes ago, and so older than the slots
// (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Managing.Clone.html#Aurora.Managing.Clone.Limitations).
const mostClones = 15

// checkNames sees that what green will be called is free, or this upgrade's.
func (a *Aurora) checkNames(ctx context.Context, _ *types.DBCluster, _ *postgres.Server) (found []finding.Finding, err error) {
	isTaken := func(object string) {
		found = append(found, finding.Finding{
			Check: "aurora-names", Blocks: finding.Upgrade, Object: object, Reason: "Green needs this name, and this upgrade did not make what has it.",
			Fix: "Name another green in aurora.green, or remove it if nobody needs it.",
		})
	}
	named, err := a.cluster(ctx, a.config.GreenCluster())
	if err != nil {
		return nil, err
	}
	if named != nil && !a.ours(named.TagList) {
		isTaken(fmt.Sprintf("DB cluster %q", a.config.GreenCluster()))
	}
	i, err := a.instance(ctx, a.instanceName(1))
	if err != nil {
		return nil, err
	}
	if i != nil && !a.ours(i.TagList) {
		isTaken(fmt.Sprintf("DB instance %q", a.instanceName(1)))
	}
	for _, ofInstance := range []bool{false, true} {
		for _, g := range []group{a.greenGroup(ofInstance), a.cloneGroup(ofInstance)} {
			if _, err := a.ownGroup(ctx, g); err != nil && fault.KindOf(err) == fault.Forbidden {
				isTaken(g.String())
			} else if err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// checkQuotas sees that the account has room for green, and that the clone will share blue's volume.
func (a *Aurora) checkQuotas(ctx context.Context, blue *types.DBCluster, _ *postgres.Server) (found []finding.Finding, err error) {
	const check = "aurora-quota"
	green, err := a.green(ctx)
	if err != nil || green != nil { // it has its room
		return nil, err
	}
	clones := 0
	if group := aws.ToString(blue.CloneGroupId); group != "" {
		all, err := a.clusters(ctx)
		if err != nil {
			return nil, err
		}
		for _, c := range all {
			if aws.ToString(c.CloneGroupId) == group {
				clones++
			}
		}
		clones-- // one of them is what the others were cloned from
	}
	if clones >= mostClones {
		found = append(found, a.blocks(check, fmt.Sprintf(
			"%d clones share its volume, and %d can. AWS would restore a full copy, which is as old as the latest restorable time and so lacks "+
				"what was written since.", clones, mostClones), "Delete clones that nobody needs."))
	}
	instances, err := a.instances(ctx, blue)
	if err != nil {
		return nil, err
	}
	needed := map[string]int64{ // https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_AccountQuota.html
		"DBClusters": 1, "DBInstances": int64(1 + len(readersOf(blue, instances))), "DBClusterParameterGroups": 1, "DBParameterGroups": 1,
	}
	answer, err := a.rds.DescribeAccountAttributes(ctx, &rds.DescribeAccountAttributesInput{})
	if err != nil {
		return nil, failed("read the quotas of region", a.config.Aurora.Region, err)
	}
	for _, q := range answer.AccountQuotas {
		name, most, used := aws.ToString(q.AccountQuotaName), aws.ToInt64(q.Max), aws.ToInt64(q.Used)
		if n := needed[name]; n > 0 && used+n > most {
			found = append(found, finding.Finding{
				Check: check, Blocks: finding.Upgrade, Object: "quota " + name,
				Reason: fmt.Sprintf("%d of %d are used, and green needs %d.", used, most, n),
				Fix:    "Ask Service Quotas for more, or remove what nobody needs.",
			})
		}
	}
	return found, nil
}
