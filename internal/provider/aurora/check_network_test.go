package aurora

import (
	"net/netip"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestSecurityGroupsPermitWhatIsWithinTheirRules(t *testing.T) {
	subnets := []netip.Prefix{netip.MustParsePrefix("10.0.1.0/24"), netip.MustParsePrefix("10.0.2.0/24")}
	rule := func(protocol string, from, to int32, cidr, group string) types.IpPermission {
		p := types.IpPermission{IpProtocol: &protocol, FromPort: &from, ToPort: &to}
		if cidr != "" {
			p.IpRanges = []types.IpRange{{CidrIp: &cidr}}
		}
		if group != "" {
			p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: &group, VpcPeeringConnectionId: aws.String("pcx-1")}}
		}
		return p
	}
	for name, c := range map[string]struct {
		rules []types.IpPermission
		want  bool
	}{
		"nothing":              {nil, false},
		"the group itself":     {[]types.IpPermission{rule("tcp", 5432, 5432, "", "sg-1")}, true},
		"another group":        {[]types.IpPermission{rule("tcp", 5432, 5432, "", "sg-9")}, false},
		"another port":         {[]types.IpPermission{rule("tcp", 80, 443, "", "sg-1")}, false},
		"another protocol":     {[]types.IpPermission{rule("udp", 5432, 5432, "", "sg-1")}, false},
		"everything":           {[]types.IpPermission{rule("-1", 0, 0, "0.0.0.0/0", "")}, true},
		"the VPC":              {[]types.IpPermission{rule("tcp", 1, 65535, "10.0.0.0/16", "")}, true},
		"one subnet":           {[]types.IpPermission{rule("tcp", 5432, 5432, "10.0.1.0/24", "")}, false},
		"each subnet":          {[]types.IpPermission{rule("tcp", 5432, 5432, "10.0.1.0/24", ""), rule("6", 5432, 5432, "10.0.2.0/23", "")}, true},
		"a part of each":       {[]types.IpPermission{rule("tcp", 5432, 5432, "10.0.1.0/25", ""), rule("tcp", 5432, 5432, "10.0.2.0/25", "")}, false},
		"the other IP version": {[]types.IpPermission{rule("tcp", 5432, 5432, "::/0", "")}, false},
	} {
		if got := permits(c.rules, 5432, []string{"sg-1", "sg-2"}, subnets); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
