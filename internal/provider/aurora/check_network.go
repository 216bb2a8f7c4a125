package aurora

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/postgres"
)

// checkNetwork sees that blue and green will reach each other. Green has blue's security groups and subnets, so each of those has to take on the
// port what the same groups, or all of the subnets, send; peering plays no part.
func (a *Aurora) checkNetwork(ctx context.Context, blue *types.DBCluster, _ *postgres.Server) (found []finding.Finding, err error) {
	ids := groupsOf(blue)
	if len(ids) == 0 {
		return nil, nil
	}
	groups, err := a.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: ids})
	if err != nil {
		return nil, failed("look at security groups", strings.Join(ids, " "), err)
	}
	subnets, err := a.subnets(ctx, aws.ToString(blue.DBSubnetGroup))
	if err != nil {
		return nil, err
	}
	var in, out []ec2types.IpPermission
	for _, g := range groups.SecurityGroups {
		in, out = append(in, g.IpPermissions...), append(out, g.IpPermissionsEgress...)
	}
	port := aws.ToInt32(blue.Port)
	for _, way := range []struct {
		rules        []ec2types.IpPermission
		option, verb string
		to           string
	}{
		{in, "authorize-security-group-ingress", "lets in", "from"},
		{out, "authorize-security-group-egress", "lets out", "to"},
	} {
		if permits(way.rules, port, ids, subnets) {
			continue
		}
		found = append(found, finding.Finding{
			Check: "aurora-network", Blocks: finding.Upgrade, Object: "security groups " + strings.Join(ids, ", "),
			Reason: fmt.Sprintf("None of them %s port %d %s each other or all of the subnets of %s. "+
				"Green will have the same ones, and the two would not reach each other.",
				way.verb, port, way.to, aws.ToString(blue.DBSubnetGroup)),
			Fix: fmt.Sprintf("aws ec2 %s --group-id %s --ip-permissions 'IpProtocol=tcp,FromPort=%d,ToPort=%d,UserIdGroupPairs=[{GroupId=%s}]'",
				way.option, ids[0], port, port, ids[0]),
		})
	}
	return found, nil
}

// subnets are the address ranges in which green's instances will be.
func (a *Aurora) subnets(ctx context.Context, group string) (ranges []netip.Prefix, err error) {
	answer, err := a.rds.DescribeDBSubnetGroups(ctx, &rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: &group})
	if err != nil {
		return nil, failed("look at DB subnet group", group, err)
	}
	var ids []string
	for _, g := range answer.DBSubnetGroups {
		for _, s := range g.Subnets {
			ids = append(ids, aws.ToString(s.SubnetIdentifier))
		}
	}
	if len(ids) == 0 { // without identifiers EC2 would list all there are
		return nil, nil
	}
	described, err := a.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: ids})
	if err != nil {
		return nil, failed("look at subnets", strings.Join(ids, " "), err)
	}
	for _, s := range described.Subnets {
		if r, err := netip.ParsePrefix(aws.ToString(s.CidrBlock)); err == nil {
			ranges = append(ranges, r)
		}
	}
	return ranges, nil
}

// permits tells whether rules let TCP through on port for one of groups, or for every range. Prefix lists are taken for no: what is in them other
// APIs tell.
func permits(rules []ec2types.IpPermission, port int32, groups []string, ranges []netip.Prefix) bool {
	var allowed []netip.Prefix
	for _, rule := range rules {
		if !covers(rule, port) {
			continue
		}
		for _, pair := range rule.UserIdGroupPairs {
			if slices.Contains(groups, aws.ToString(pair.GroupId)) {
				return true
			}
		}
		for _, r := range rule.IpRanges {
			if p, err := netip.ParsePrefix(aws.ToString(r.CidrIp)); err == nil {
				allowed = append(allowed, p)
			}
		}
	}
	for _, wanted := range ranges {
		within := func(p netip.Prefix) bool { return p.Bits() <= wanted.Bits() && p.Contains(wanted.Addr()) }
		if !slices.ContainsFunc(allowed, within) {
			return false
		}
	}
	return len(ranges) > 0
}

// covers tells whether a rule is about TCP on port. -1 is any protocol, with no ports
// (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html).
func covers(rule ec2types.IpPermission, port int32) bool {
	switch aws.ToString(rule.IpProtocol) {
	case "-1":
		return true
	case "tcp", "6":
		return aws.ToInt32(rule.FromPort) <= port && port <= aws.ToInt32(rule.ToPort)
	default:
		return false
	}
}
