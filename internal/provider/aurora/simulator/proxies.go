package simulator

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// dbProxy is an RDS Proxy: one more endpoint, which leads to its target. It neither pools nor holds sessions.
type dbProxy struct {
	shown  types.DBProxy
	target *dbCluster
	ready  time.Time // from when on it lets clients through to its target
	stuck  bool      // registering the target does not end
}

// targetGroup is the only target group that a proxy has.
const targetGroup = "default"

// registering tells whether the target was registered just now.
func (p *dbProxy) registering() bool { return p.stuck || time.Now().Before(p.ready) }

func (w *world) proxy(name *string) (*dbProxy, error) {
	for _, p := range w.proxies {
		if *p.shown.DBProxyName == value(name) {
			return p, nil
		}
	}
	return nil, refuse(schemas.DBProxyNotFoundFault, "DBProxy not found: %s", value(name))
}

func (s *Simulator) createDBProxy(_ *call, in *rds.CreateDBProxyInput) (*rds.CreateDBProxyOutput, error) {
	if _, err := s.world.proxy(in.DBProxyName); err == nil {
		return nil, refuse(schemas.DBProxyAlreadyExistsFault, "DBProxy already exists: %s", *in.DBProxyName)
	}
	p := &dbProxy{}
	p.shown = types.DBProxy{
		DBProxyName: in.DBProxyName, EngineFamily: ptr(string(in.EngineFamily)), RoleArn: in.RoleArn, Status: types.DBProxyStatusAvailable,
		VpcId: ptr(vpc), VpcSubnetIds: in.VpcSubnetIds, VpcSecurityGroupIds: in.VpcSecurityGroupIds, RequireTLS: ptr(value(in.RequireTLS)),
		DefaultAuthScheme: ptr(string(in.DefaultAuthScheme)),
		DBProxyArn:        ptr(s.arn("db-proxy", s.resourceID("prx"))), Endpoint: ptr(addressOf(proxyEndpoint, *in.DBProxyName)), CreatedDate: ptr(time.Now()),
	}
	for _, a := range in.Auth {
		p.shown.Auth = append(p.shown.Auth, types.UserAuthConfigInfo{
			AuthScheme: a.AuthScheme, ClientPasswordAuthType: a.ClientPasswordAuthType, Description: a.Description, IAMAuth: a.IAMAuth,
			SecretArn: a.SecretArn, UserName: a.UserName,
		})
	}
	if err := s.open(*p.shown.Endpoint, func() *dbCluster { return p.target }); err != nil {
		return nil, err
	}
	s.world.endpoints.at[*p.shown.Endpoint].shut = p.registering
	s.world.proxies = append(s.world.proxies, p)
	s.world.retag(*p.shown.DBProxyArn, in.Tags)
	return &rds.CreateDBProxyOutput{DBProxy: &p.shown}, nil
}

func (s *Simulator) describeDBProxies(_ *call, in *rds.DescribeDBProxiesInput) (*rds.DescribeDBProxiesOutput, error) {
	all := []types.DBProxy{}
	for _, p := range s.world.proxies {
		if in.DBProxyName == nil || *in.DBProxyName == *p.shown.DBProxyName {
			all = append(all, p.shown)
		}
	}
	if in.DBProxyName != nil && len(all) == 0 {
		return nil, refuse(schemas.DBProxyNotFoundFault, "DBProxy not found: %s", *in.DBProxyName)
	}
	page, marker, err := paged(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBProxiesOutput{DBProxies: page, Marker: marker}, err
}

func (s *Simulator) describeDBProxyTargetGroups(_ *call, in *rds.DescribeDBProxyTargetGroupsInput) (*rds.DescribeDBProxyTargetGroupsOutput, error) {
	p, err := s.world.proxyWith(in.DBProxyName, in.TargetGroupName)
	if err != nil {
		return nil, err
	}
	return &rds.DescribeDBProxyTargetGroupsOutput{TargetGroups: []types.DBProxyTargetGroup{{
		DBProxyName: p.shown.DBProxyName, TargetGroupName: ptr(targetGroup), IsDefault: ptr(true), Status: ptr(available),
		TargetGroupArn: ptr(s.arn("target-group", *p.shown.DBProxyName)), CreatedDate: p.shown.CreatedDate,
	}}}, nil
}

// proxyWith finds a proxy that has a target group, the default one where none is named.
func (w *world) proxyWith(name, group *string) (*dbProxy, error) {
	p, err := w.proxy(name)
	if err == nil && value(or(group, targetGroup)) != targetGroup {
		return nil, refuse(schemas.DBProxyTargetGroupNotFoundFault, "DBProxyTargetGroup not found: %s", *group)
	}
	return p, err
}

// shownTargets are the DB cluster of a proxy and its members.
func (s *Simulator) shownTargets(p *dbProxy) []types.DBProxyTarget {
	all := []types.DBProxyTarget{}
	if p.target == nil {
		return all
	}
	c := p.target
	all = append(all, types.DBProxyTarget{
		RdsResourceId: c.shown.DBClusterIdentifier, TargetArn: c.shown.DBClusterArn, Type: types.TargetTypeTrackedCluster, Port: c.shown.Port,
	})
	for _, i := range s.world.members(c) {
		health, role := &types.TargetHealth{State: types.TargetStateAvailable}, types.TargetRoleReadOnly
		if p.registering() {
			health = &types.TargetHealth{State: types.TargetStateRegistering}
		} else if i.status() != available || !c.serving && c.elsewhere == "" {
			health = &types.TargetHealth{State: types.TargetStateUnavailable, Reason: types.TargetHealthReasonConnectionFailed}
		}
		if s.world.writer(c) == i {
			role = types.TargetRoleReadWrite
		}
		all = append(all, types.DBProxyTarget{
			RdsResourceId: i.shown.DBInstanceIdentifier, TrackedClusterId: c.shown.DBClusterIdentifier, Type: types.TargetTypeRdsInstance,
			Endpoint: i.shown.Endpoint.Address, Port: i.shown.Endpoint.Port, Role: role, TargetHealth: health,
		})
	}
	return all
}

func (s *Simulator) describeDBProxyTargets(_ *call, in *rds.DescribeDBProxyTargetsInput) (*rds.DescribeDBProxyTargetsOutput, error) {
	p, err := s.world.proxyWith(in.DBProxyName, in.TargetGroupName)
	if err != nil {
		return nil, err
	}
	return &rds.DescribeDBProxyTargetsOutput{Targets: s.shownTargets(p)}, nil
}

func (s *Simulator) registerDBProxyTargets(q *call, in *rds.RegisterDBProxyTargetsInput) (*rds.RegisterDBProxyTargetsOutput, error) {
	p, err := s.world.proxyWith(in.DBProxyName, in.TargetGroupName)
	if err != nil {
		return nil, err
	}
	if len(in.DBClusterIdentifiers) != 1 || len(in.DBInstanceIdentifiers) != 0 {
		return nil, refuseAs(invalidParameterCombination, "One DB cluster can be registered with a proxy.")
	}
	c, err := s.world.cluster(&in.DBClusterIdentifiers[0])
	if err != nil {
		return nil, err
	}
	if p.target != nil {
		return nil, refuse(schemas.DBProxyTargetAlreadyRegisteredFault, "A target is already registered with the proxy %s: %s",
			*p.shown.DBProxyName, *p.target.shown.DBClusterIdentifier)
	}
	p.target, p.ready, p.stuck = c, time.Now().Add(s.options.Delay), q.fault.Stuck == string(types.TargetStateRegistering)
	if err := s.certify(c); err != nil {
		return nil, err
	}
	if c.serving {
		s.reload(q, c, nil)
	}
	return &rds.RegisterDBProxyTargetsOutput{DBProxyTargets: s.shownTargets(p)}, nil
}

func (s *Simulator) deregisterDBProxyTargets(_ *call, in *rds.DeregisterDBProxyTargetsInput) (*rds.DeregisterDBProxyTargetsOutput, error) {
	p, err := s.world.proxyWith(in.DBProxyName, in.TargetGroupName)
	if err != nil {
		return nil, err
	}
	if p.target == nil || !slices.Contains(in.DBClusterIdentifiers, *p.target.shown.DBClusterIdentifier) {
		return nil, refuse(schemas.DBProxyTargetNotFoundFault, "The proxy %s has no such target.", *p.shown.DBProxyName)
	}
	p.target = nil
	s.world.endpoints.at[*p.shown.Endpoint].relay.Cut()
	return &rds.DeregisterDBProxyTargetsOutput{}, nil
}
