package simulator

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/pgteal/pgteal/internal/provider/aurora/simulator/query"
)

const ec2Namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

// ec2 answers the actions of EC2 (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Welcome.html). EC2's form of the query protocol has
// lists without item names, and answers of its own.
func (s *Simulator) ec2(q *call) (answer, error) {
	do, known := map[string]func(ec2Request) (any, error){
		"DescribeSecurityGroups":        s.describeSecurityGroups,
		"DescribeSecurityGroupRules":    s.describeSecurityGroupRules,
		"DescribeVpcPeeringConnections": s.describeVPCPeeringConnections,
		"DescribeSubnets":               s.describeSubnets,
	}[q.action]
	if !known {
		return answer{}, refuseAs("InvalidAction", "The action %s is not valid for this web service; the simulator does not have it.", q.action)
	}
	request, err := readEC2(q)
	if err != nil {
		return answer{}, err
	}
	content, err := do(request)
	if err != nil {
		return answer{}, err
	}
	inner, err := xml.Marshal(content)
	if err != nil {
		return answer{}, err
	}
	return answer{fmt.Appendf([]byte(xml.Header), "<%[1]sResponse xmlns=%[2]q><requestId>%[3]s</requestId>%[4]s</%[1]sResponse>",
		q.action, ec2Namespace, q.id, inner), "text/xml"}, nil
}

// ec2Error is an error as EC2 answers it.
func ec2Error(q *call, r *refusal) []byte {
	return fmt.Appendf(nil, "<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>%s</RequestID></Response>",
		r.code, query.Text(r.message), q.id)
}

// ec2Request is a request to describe something: identifiers and filters.
type ec2Request struct {
	ids     []string
	filters map[string][]string
}

// readEC2 reads a request. Members that the simulator does not know are refused.
func readEC2(q *call) (r ec2Request, err error) {
	identifiers := map[string]string{
		"DescribeSecurityGroups": "GroupId", "DescribeSecurityGroupRules": "SecurityGroupRuleId",
		"DescribeVpcPeeringConnections": "VpcPeeringConnectionId", "DescribeSubnets": "SubnetId",
	}
	r.filters = map[string][]string{}
	filterNames := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(q.form)) {
		parts := strings.Split(name, ".")
		switch {
		case parts[0] == "Filter" && len(parts) == 3 && parts[2] == "Name":
			filterNames[parts[1]] = q.form.Get(name)
		case parts[0] == identifiers[q.action] && len(parts) == 2:
			r.ids = append(r.ids, q.form.Get(name))
		case slices.Contains([]string{"Action", "Version", "MaxResults", "NextToken", "DryRun"}, name), parts[0] == "Filter" && len(parts) == 4:
		default:
			return r, refuseAs("UnknownParameter", "The parameter %s is not recognized", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(q.form)) {
		if parts := strings.Split(name, "."); parts[0] == "Filter" && len(parts) == 4 {
			filter := filterNames[parts[1]]
			r.filters[filter] = append(r.filters[filter], q.form.Get(name))
		}
	}
	return r, nil
}

// wants tells whether a request is for a thing with this identifier and these values under the names of filters.
func (r ec2Request) wants(id string, values map[string]string) (bool, error) {
	if r.ids != nil && !slices.Contains(r.ids, id) {
		return false, nil
	}
	for name, wanted := range r.filters {
		has, known := values[name]
		if !known {
			return false, refuseAs("InvalidParameterValue", "The filter '%s' is invalid", name)
		}
		if !slices.Contains(wanted, has) {
			return false, nil
		}
	}
	return true, nil
}

// found refuses identifiers of which nothing was found.
func (r ec2Request) found(count int, code, what string) error {
	if count < len(r.ids) {
		return &refusal{http.StatusBadRequest, code, fmt.Sprintf("The %s '%s' does not exist", what, strings.Join(r.ids, ", "))}
	}
	return nil
}

type ec2Group struct {
	ID      string `xml:"groupId"`
	Owner   string `xml:"userId,omitempty"`
	VPC     string `xml:"vpcId,omitempty"`
	Peering string `xml:"vpcPeeringConnectionId,omitempty"`
}

type ec2Permission struct {
	Protocol string     `xml:"ipProtocol"`
	From     *int32     `xml:"fromPort,omitempty"`
	To       *int32     `xml:"toPort,omitempty"`
	Groups   []ec2Group `xml:"groups>item,omitempty"`
	Ranges   []string   `xml:"ipRanges>item>cidrIp,omitempty"`
}

type ec2SecurityGroup struct {
	ID      string          `xml:"groupId"`
	Name    string          `xml:"groupName"`
	Owner   string          `xml:"ownerId"`
	VPC     string          `xml:"vpcId"`
	Ingress []ec2Permission `xml:"ipPermissions>item,omitempty"`
	Egress  []ec2Permission `xml:"ipPermissionsEgress>item,omitempty"`
}

func (s *Simulator) describeSecurityGroups(r ec2Request) (any, error) {
	type list struct {
		XMLName xml.Name           `xml:"securityGroupInfo"`
		Items   []ec2SecurityGroup `xml:"item"`
	}
	var all list
	for _, id := range slices.Sorted(maps.Keys(s.world.securityGroups)) {
		if wanted, err := r.wants(id, map[string]string{"group-id": id, "vpc-id": vpc}); err != nil || !wanted {
			if err != nil {
				return nil, err
			}
			continue
		}
		g := ec2SecurityGroup{ID: id, Name: id, Owner: Account, VPC: vpc}
		for _, rule := range s.world.securityGroups[id] {
			p := ec2Permission{Protocol: rule.Protocol}
			if rule.Protocol != "-1" {
				p.From, p.To = ptr(rule.From), ptr(rule.To)
			}
			if rule.Group != "" {
				p.Groups = []ec2Group{{ID: rule.Group, Owner: Account, Peering: rule.Peering}}
			} else {
				p.Ranges = []string{rule.CIDR}
			}
			if rule.Egress {
				g.Egress = append(g.Egress, p)
			} else {
				g.Ingress = append(g.Ingress, p)
			}
		}
		all.Items = append(all.Items, g)
	}
	return all, r.found(len(all.Items), "InvalidGroup.NotFound", "security group")
}

func (s *Simulator) describeSecurityGroupRules(r ec2Request) (any, error) {
	type item struct {
		ID       string    `xml:"securityGroupRuleId"`
		Group    string    `xml:"groupId"`
		Owner    string    `xml:"groupOwnerId"`
		Egress   bool      `xml:"isEgress"`
		Protocol string    `xml:"ipProtocol"`
		From     int32     `xml:"fromPort"`
		To       int32     `xml:"toPort"`
		CIDR     string    `xml:"cidrIpv4,omitempty"`
		Other    *ec2Group `xml:"referencedGroupInfo,omitempty"`
	}
	type list struct {
		XMLName xml.Name `xml:"securityGroupRuleSet"`
		Items   []item   `xml:"item"`
	}
	var all list
	for _, group := range slices.Sorted(maps.Keys(s.world.securityGroups)) {
		for n, rule := range s.world.securityGroups[group] {
			id := "sgr-" + strings.TrimPrefix(group, "sg-") + strconv.Itoa(n)
			wanted, err := r.wants(id, map[string]string{"group-id": group, "security-group-rule-id": id})
			if err != nil {
				return nil, err
			}
			if !wanted {
				continue
			}
			i := item{
				ID: id, Group: group, Owner: Account, Egress: rule.Egress, Protocol: rule.Protocol, From: rule.From, To: rule.To, CIDR: rule.CIDR,
			}
			if rule.Group != "" {
				i.Other = &ec2Group{ID: rule.Group, Owner: Account, Peering: rule.Peering}
			}
			all.Items = append(all.Items, i)
		}
	}
	return all, r.found(len(all.Items), "InvalidSecurityGroupRuleId.NotFound", "security group rule")
}

func (s *Simulator) describeVPCPeeringConnections(r ec2Request) (any, error) {
	type side struct {
		VPC   string `xml:"vpcId"`
		CIDR  string `xml:"cidrBlock,omitempty"`
		Owner string `xml:"ownerId"`
	}
	type item struct {
		ID        string `xml:"vpcPeeringConnectionId"`
		Status    string `xml:"status>code"`
		Requester side   `xml:"requesterVpcInfo"`
		Accepter  side   `xml:"accepterVpcInfo"`
	}
	type list struct {
		XMLName xml.Name `xml:"vpcPeeringConnectionSet"`
		Items   []item   `xml:"item"`
	}
	var all list
	for _, p := range s.world.peerings {
		wanted, err := r.wants(p.ID, map[string]string{
			"vpc-peering-connection-id": p.ID, "status-code": p.Status, "requester-vpc-info.vpc-id": vpc, "accepter-vpc-info.vpc-id": p.VPC,
		})
		if err != nil {
			return nil, err
		}
		if wanted {
			all.Items = append(all.Items, item{
				ID: p.ID, Status: p.Status, Requester: side{VPC: vpc, Owner: Account}, Accepter: side{VPC: p.VPC, CIDR: p.CIDR, Owner: Account},
			})
		}
	}
	return all, r.found(len(all.Items), "InvalidVpcPeeringConnectionID.NotFound", "vpcPeeringConnection ID")
}

func (s *Simulator) describeSubnets(r ec2Request) (any, error) {
	type item struct {
		ID   string `xml:"subnetId"`
		VPC  string `xml:"vpcId"`
		CIDR string `xml:"cidrBlock"`
		Zone string `xml:"availabilityZone"`
	}
	type list struct {
		XMLName xml.Name `xml:"subnetSet"`
		Items   []item   `xml:"item"`
	}
	var all list
	for _, subnet := range s.subnets() {
		i := item{ID: *subnet.SubnetIdentifier, VPC: vpc, CIDR: "127.0.0.0/8", Zone: *subnet.SubnetAvailabilityZone.Name}
		wanted, err := r.wants(i.ID, map[string]string{"subnet-id": i.ID, "vpc-id": vpc, "availability-zone": i.Zone})
		if err != nil {
			return nil, err
		}
		if wanted {
			all.Items = append(all.Items, i)
		}
	}
	return all, r.found(len(all.Items), "InvalidSubnetID.NotFound", "subnet ID")
}
