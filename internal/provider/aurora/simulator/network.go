package simulator

import (
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// vpc is the VPC of everything.
const vpc = "vpc-0simulated00000"

// Rule is a rule of a security group.
type Rule struct {
	Egress   bool
	Protocol string // tcp, udp, or -1 for all
	From, To int32  // ports
	CIDR     string // of IPv4; or:
	Group    string // another security group
	Peering  string // the VPC peering connection across which Group is
}

// Peering is a VPC peering connection of the VPC with another one.
type Peering struct {
	ID     string
	VPC    string // the other one
	CIDR   string // of the other one
	Status string // active, pending-acceptance, deleted, ...
}

// Rules makes rules all that a security group has; a group that is not there is made. What it lets out is not looked at.
func (s *Simulator) Rules(group string, rules ...Rule) {
	s.locked(func() { s.world.securityGroups[group] = rules })
}

// Peer adds a VPC peering connection.
func (s *Simulator) Peer(p Peering) {
	s.locked(func() { s.world.peerings = append(s.world.peerings, p) })
}

// ownGroup is what the default security group of a VPC has.
func ownGroup() []Rule {
	return []Rule{{Protocol: "-1", From: -1, To: -1, Group: defaultSecurityGroup}, {Egress: true, Protocol: "-1", From: -1, To: -1, CIDR: "0.0.0.0/0"}}
}

// knownGroups refuses security groups that are not there.
func (w *world) knownGroups(groups []string) error {
	for _, group := range groups {
		if _, known := w.securityGroups[group]; !known {
			return refuseAs(invalidParameterValue, "Invalid security group , groupId= %s, groupName=.", group)
		}
	}
	return nil
}

// reachable tells whether the security groups of a DB cluster let clients on this machine in.
func (w *world) reachable(c *dbCluster) bool {
	here := netip.MustParseAddr("127.0.0.1")
	for _, membership := range c.shown.VpcSecurityGroups {
		for _, rule := range w.securityGroups[*membership.VpcSecurityGroupId] {
			port := rule.Protocol == "-1" || rule.Protocol == "tcp" && rule.From <= *c.shown.Port && *c.shown.Port <= rule.To
			if rule.Egress || !port {
				continue
			}
			block, err := netip.ParsePrefix(rule.CIDR)
			if rule.Group != "" || err == nil && block.Contains(here) {
				return true
			}
		}
	}
	return false
}

// subnets are those of the default DB subnet group, one a zone.
func (s *Simulator) subnets() (all []types.Subnet) {
	for _, zone := range []string{"a", "b", "c"} {
		all = append(all, types.Subnet{
			SubnetIdentifier: ptr("subnet-0simulated" + zone), SubnetStatus: ptr("Active"),
			SubnetAvailabilityZone: &types.AvailabilityZone{Name: ptr(s.options.Region + zone)},
		})
	}
	return all
}

func (s *Simulator) subnetGroup(name *string) *types.DBSubnetGroup {
	return &types.DBSubnetGroup{
		DBSubnetGroupName: name, DBSubnetGroupDescription: ptr("simulated"), VpcId: ptr(vpc), SubnetGroupStatus: ptr("Complete"), Subnets: s.subnets(),
		DBSubnetGroupArn: ptr(s.arn("subgrp", *name)), SupportedNetworkTypes: []string{"IPV4"},
	}
}

// Every DB subnet group that something uses is there, and has the same subnets.
func (s *Simulator) describeDBSubnetGroups(_ *call, in *rds.DescribeDBSubnetGroupsInput) (*rds.DescribeDBSubnetGroupsOutput, error) {
	names := []string{defaultSubnetGroup}
	for _, c := range s.world.clusters {
		names = append(names, *c.shown.DBSubnetGroup)
	}
	slices.Sort(names)
	all := []types.DBSubnetGroup{}
	for _, name := range slices.Compact(names) {
		if in.DBSubnetGroupName == nil || *in.DBSubnetGroupName == name {
			all = append(all, *s.subnetGroup(&name))
		}
	}
	if in.DBSubnetGroupName != nil && len(all) == 0 {
		return nil, refuse(schemas.DBSubnetGroupNotFoundFault, "DB subnet group '%s' does not exist.", *in.DBSubnetGroupName)
	}
	page, marker, err := paged(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBSubnetGroupsOutput{DBSubnetGroups: page, Marker: marker}, err
}
