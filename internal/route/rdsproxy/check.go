package rdsproxy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/finding"
	"github.com/pgteal/pgteal/internal/route/rdsapi"
)

// checkLimit bounds Check where the API does not answer.
const checkLimit = 20 * time.Second

// Check finds what would keep the proxy from leading to green, as far as the API tells: not whether a secret of the proxy's has a password that green
// takes. It tries the rights to change targets with requests that AWS refuses.
func (r *RDSProxy) Check(ctx context.Context) ([]finding.Finding, error) {
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
	r        *RDSProxy
	findings []finding.Finding

	proxy       *types.DBProxy
	blue, green *types.DBCluster // green is nil before it is made
}

// forbid adds a finding that stands in the way of the switchover.
func (c *check) forbid(name, reason, fix string) { c.add(finding.Switchover, name, reason, fix) }

// remark adds a finding that the operator should know.
func (c *check) remark(name, reason, fix string) { c.add(finding.Nothing, name, reason, fix) }

func (c *check) add(blocks finding.Blocks, name, reason, fix string) {
	c.findings = append(c.findings, finding.Finding{
		Check: "rdsproxy-" + name, Blocks: blocks, Object: "RDS Proxy " + c.r.Proxy, Reason: reason, Fix: fix,
	})
}

func (c *check) all(ctx context.Context) (err error) {
	if found, err := c.findProxy(ctx); err != nil || !found {
		return err
	}
	if c.blue, err = c.r.api.Cluster(ctx, c.r.Blue); err != nil {
		return err
	}
	if c.green, err = c.r.api.Named(ctx, c.r.Green); err != nil {
		return err
	}
	if c.blue == nil {
		c.forbid("target", "Blue, DB cluster "+c.r.Blue+", is gone.", "")
		return nil
	}
	found, err := c.group(ctx)
	if err != nil || !found {
		return err
	}
	there, err := c.r.targets(ctx)
	if err != nil {
		return err
	}
	if err := c.leads(there); err != nil {
		return err
	}
	c.secrets()
	c.network()
	return c.rights(ctx, there)
}

// findProxy looks whether the proxy is there and can be changed.
func (c *check) findProxy(ctx context.Context) (found bool, err error) {
	api, err := c.r.api.Open(ctx)
	if err != nil {
		return false, err
	}
	answer, err := api.DescribeDBProxies(ctx, &rds.DescribeDBProxiesInput{DBProxyName: &c.r.Proxy})
	if rdsapi.Is(err, "DBProxyNotFoundFault") || err == nil && len(answer.DBProxies) == 0 {
		c.forbid("proxy", "There is none of that name in region "+c.r.Region+".", "Correct rdsproxy.name. To look: aws rds describe-db-proxies")
		return false, nil
	}
	if err != nil {
		return false, c.r.api.Failed("look at it", "DescribeDBProxies", err)
	}
	c.proxy = &answer.DBProxies[0]
	if c.proxy.Status != types.DBProxyStatusAvailable {
		c.forbid("proxy", fmt.Sprintf("Its status is %s.", c.proxy.Status), "Wait until it is available, or look at it in the console of RDS.")
	}
	if family := aws.ToString(c.proxy.EngineFamily); family != string(types.EngineFamilyPostgresql) {
		c.forbid("proxy", fmt.Sprintf("It is for the engine family %s, not POSTGRESQL.", family), "Name the proxy of this cluster's clients.")
	}
	return true, nil
}

// group looks whether the target group is there and whole.
func (c *check) group(ctx context.Context) (found bool, err error) {
	api, err := c.r.api.Open(ctx)
	if err != nil {
		return false, err
	}
	answer, err := api.DescribeDBProxyTargetGroups(ctx, &rds.DescribeDBProxyTargetGroupsInput{
		DBProxyName: &c.r.Proxy, TargetGroupName: &c.r.TargetGroup,
	})
	if rdsapi.Is(err, "DBProxyTargetGroupNotFoundFault") || err == nil && len(answer.TargetGroups) == 0 {
		c.forbid("target-group", fmt.Sprintf("It has no target group %q.", c.r.TargetGroup),
			"Leave rdsproxy.target_group out: a proxy has only the group default.")
		return false, nil
	}
	if err != nil {
		return false, c.r.api.Failed("look at its target group", "DescribeDBProxyTargetGroups", err)
	}
	if status := aws.ToString(answer.TargetGroups[0].Status); status != "available" {
		c.forbid("target-group", fmt.Sprintf("The status of target group %q is %s.", c.r.TargetGroup, status),
			"To look: aws rds describe-db-proxy-targets --db-proxy-name "+c.r.Proxy)
	}
	return true, nil
}

// leads checks that the proxy leads to blue or, after Point, to green.
func (c *check) leads(there targets) error {
	kept, err := c.r.recall()
	if err != nil {
		c.forbid("original", "What was kept of the proxy as it was cannot be read: "+finding.OneLine(err)+".",
			"Mend the file, or remove it: then there is no way back.")
		return nil
	}
	names := strings.Join(append(append([]string{}, there.clusters...), there.single...), ", ")
	switch {
	case names == "":
		c.forbid("target", "Nothing is registered with it, so its clients reach nothing.", c.registerCommand(*c.blue.DBClusterIdentifier))
	case len(there.single) > 0 || len(there.clusters) > 1:
		c.forbid("target", "Registered with it are "+names+", not one DB cluster.", "Register blue's DB cluster alone, or name another proxy.")
	case there.clusters[0] == *c.blue.DBClusterIdentifier:
	case c.green == nil || there.clusters[0] != *c.green.DBClusterIdentifier:
		c.forbid("target", fmt.Sprintf("It leads to DB cluster %q, which is neither blue nor green.", names), "Name the proxy of blue's clients.")
	case kept.Original == "":
		c.forbid("target", "It leads to green already, which does not take clients yet.", "Register blue in place of green.")
	}
	return nil
}

func (c *check) registerCommand(cluster string) string {
	return fmt.Sprintf("aws rds register-db-proxy-targets --db-proxy-name %s --db-cluster-identifiers %s", c.r.Proxy, cluster)
}

// secrets checks how the proxy logs in to its target.
func (c *check) secrets() {
	own := c.blue.MasterUserSecret
	for _, a := range c.proxy.Auth {
		if own != nil && a.SecretArn != nil && *a.SecretArn == aws.ToString(own.SecretArn) {
			c.forbid("secret", "It logs in with the secret that RDS keeps for blue's master user. RDS changes the password there and on blue, not on green, "+
				"where the proxy could not log in any more.",
				"Give the proxy a secret of its own in its place (aws rds modify-db-proxy --auth), with the password that green has.")
		}
	}
	if aws.ToString(c.proxy.DefaultAuthScheme) == string(types.DefaultAuthSchemeIamAuth) && c.green != nil &&
		!aws.ToBool(c.green.IAMDatabaseAuthenticationEnabled) {
		c.forbid("iam", "It logs in by IAM database authentication, which green does not take.",
			"aws rds modify-db-cluster --enable-iam-database-authentication --apply-immediately --db-cluster-identifier "+*c.green.DBClusterIdentifier)
	}
}

// network checks that what lets the proxy reach blue lets it reach green.
func (c *check) network() {
	if c.green == nil {
		return
	}
	has := map[string]bool{}
	for _, g := range c.green.VpcSecurityGroups {
		has[aws.ToString(g.VpcSecurityGroupId)] = true
	}
	var lacking []string
	for _, g := range c.blue.VpcSecurityGroups {
		if id := aws.ToString(g.VpcSecurityGroupId); !has[id] {
			lacking = append(lacking, id)
		}
	}
	if len(lacking) > 0 {
		c.remark("security-group",
			fmt.Sprintf("Green lacks blue's security groups %s, one of which may be what lets the proxy in.", strings.Join(lacking, ", ")),
			fmt.Sprintf("See that green's let the proxy's (%s) in, or give green blue's: aws rds modify-db-cluster --vpc-security-group-ids ...",
				strings.Join(c.proxy.VpcSecurityGroupIds, ", ")))
	}
	if blue, green := aws.ToString(c.blue.DBSubnetGroup), aws.ToString(c.green.DBSubnetGroup); blue != green {
		c.remark("subnets", fmt.Sprintf("Green is in the subnet group %q, blue in %q.", green, blue),
			"See that green's is in the proxy's VPC, "+aws.ToString(c.proxy.VpcId)+": a proxy reaches no other one.")
	}
}

// rights tries what Point and Restore do, with requests that are refused when the rights are there: registering what is registered, and taking out
// what is not.
func (c *check) rights(ctx context.Context, there targets) error {
	if len(there.clusters) != 1 || len(there.single) > 0 || there.clusters[0] != *c.blue.DBClusterIdentifier {
		return nil
	}
	if err := c.r.passing(c.r.deregister(ctx, []string{c.r.Green})); err != nil && !rdsapi.Is(err, "DBClusterNotFoundFault") {
		return err
	}
	return c.r.passing(c.r.register(ctx, *c.blue.DBClusterIdentifier))
}
