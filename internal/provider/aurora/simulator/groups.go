package simulator

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/schemas"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// parameterGroup is a DB cluster parameter group or a DB parameter group.
type parameterGroup struct {
	cluster     bool
	name        string
	family      string
	description string
	values      map[string]parameterValue
}

// parameterValue is a value that a user has set.
type parameterValue struct {
	value  string
	method types.ApplyMethod
}

// standard tells whether it is one that a family comes with, which nobody changes.
func (g *parameterGroup) standard() bool { return strings.HasPrefix(g.name, "default.") }

func (g *parameterGroup) arnKind() string {
	if g.cluster {
		return "cluster-pg"
	}
	return "pg"
}

// group finds a parameter group of a level. Those that a family comes with are there as soon as they are asked for.
func (w *world) group(cluster bool, name *string) (*parameterGroup, error) {
	for _, g := range w.groups {
		if g.cluster == cluster && name != nil && strings.EqualFold(g.name, *name) {
			return g, nil
		}
	}
	for _, v := range w.versions {
		for _, engine := range []string{aurora, "postgres"} {
			family := v.family(engine)
			if value(name) != "default."+family || cluster && engine != aurora {
				continue
			}
			g := &parameterGroup{
				cluster: cluster, name: *name, family: family, description: "Default parameter group for " + family,
				values: map[string]parameterValue{},
			}
			w.groups = append(w.groups, g)
			return g, nil
		}
	}
	return nil, refuse(schemas.DBParameterGroupNotFoundFault, "DBParameterGroup not found: %s", value(name))
}

// groupFor finds the group that a version is to have: of its family, the family's own where none is named.
func (w *world) groupFor(cluster bool, name *string, v engineVersion) (*parameterGroup, error) {
	g, err := w.group(cluster, or(name, "default."+v.family(aurora)))
	if err != nil {
		return nil, err
	}
	if g.family != v.family(aurora) {
		return nil, refuseAs(invalidParameterCombination,
			"The parameter group %s with DBParameterGroupFamily %s cannot be used for this instance. "+
				"Please use a parameter group with DBParameterGroupFamily %s",
			g.name, g.family, v.family(aurora))
	}
	return g, nil
}

// used tells who uses a group, "" where nobody does.
func (w *world) used(g *parameterGroup) string {
	if g.cluster {
		for _, c := range w.clusters {
			if strings.EqualFold(*c.shown.DBClusterParameterGroup, g.name) {
				return *c.shown.DBClusterIdentifier
			}
		}
		return ""
	}
	for _, i := range w.instances {
		if strings.EqualFold(*i.shown.DBParameterGroups[0].DBParameterGroupName, g.name) {
			return *i.shown.DBInstanceIdentifier
		}
	}
	return ""
}

func (s *Simulator) createGroup(cluster bool, name, family, description *string, tags []types.Tag) (*parameterGroup, error) {
	if _, err := s.definitions(value(family), cluster); err != nil {
		return nil, err
	}
	lower := strings.ToLower(*name)
	if err := identifier("DBParameterGroupName", lower, 255); err != nil { //nolint:mnd // the API's limit
		return nil, err
	}
	if _, err := s.world.group(cluster, &lower); err == nil || strings.HasPrefix(lower, "default") {
		return nil, refuse(schemas.DBParameterGroupAlreadyExistsFault, "Parameter group %s already exists", lower)
	}
	g := &parameterGroup{cluster: cluster, name: lower, family: *family, description: *description, values: map[string]parameterValue{}}
	s.world.groups = append(s.world.groups, g)
	s.world.retag(s.arn(g.arnKind(), g.name), tags)
	return g, nil
}

func (s *Simulator) deleteGroup(cluster bool, name *string) error {
	g, err := s.world.group(cluster, name)
	if err != nil {
		return err
	}
	if g.standard() {
		return refuse(schemas.InvalidDBParameterGroupStateFault, "Default DBParameterGroup cannot be deleted: %s", g.name)
	}
	if user := s.world.used(g); user != "" {
		return refuse(schemas.InvalidDBParameterGroupStateFault, "One or more database instances are still members of this parameter group %s: %s",
			g.name, user)
	}
	s.world.groups = slices.DeleteFunc(s.world.groups, func(other *parameterGroup) bool { return other == g })
	delete(s.world.tags, s.arn(g.arnKind(), g.name))
	return nil
}

func (s *Simulator) shownClusterGroup(g *parameterGroup) *types.DBClusterParameterGroup {
	return &types.DBClusterParameterGroup{
		DBClusterParameterGroupName: &g.name, DBParameterGroupFamily: &g.family, Description: &g.description,
		DBClusterParameterGroupArn: ptr(s.arn(g.arnKind(), g.name)),
	}
}

func (s *Simulator) shownGroup(g *parameterGroup) *types.DBParameterGroup {
	return &types.DBParameterGroup{
		DBParameterGroupName: &g.name, DBParameterGroupFamily: &g.family, Description: &g.description,
		DBParameterGroupArn: ptr(s.arn(g.arnKind(), g.name)),
	}
}

func (s *Simulator) createDBClusterParameterGroup(_ *call, in *rds.CreateDBClusterParameterGroupInput) (
	*rds.CreateDBClusterParameterGroupOutput, error,
) {
	g, err := s.createGroup(true, in.DBClusterParameterGroupName, in.DBParameterGroupFamily, in.Description, in.Tags)
	if err != nil {
		return nil, err
	}
	return &rds.CreateDBClusterParameterGroupOutput{DBClusterParameterGroup: s.shownClusterGroup(g)}, nil
}

func (s *Simulator) createDBParameterGroup(_ *call, in *rds.CreateDBParameterGroupInput) (*rds.CreateDBParameterGroupOutput, error) {
	g, err := s.createGroup(false, in.DBParameterGroupName, in.DBParameterGroupFamily, in.Description, in.Tags)
	if err != nil {
		return nil, err
	}
	return &rds.CreateDBParameterGroupOutput{DBParameterGroup: s.shownGroup(g)}, nil
}

func (s *Simulator) deleteDBClusterParameterGroup(_ *call, in *rds.DeleteDBClusterParameterGroupInput) (
	*rds.DeleteDBClusterParameterGroupOutput, error,
) {
	return &rds.DeleteDBClusterParameterGroupOutput{}, s.deleteGroup(true, in.DBClusterParameterGroupName)
}

func (s *Simulator) deleteDBParameterGroup(_ *call, in *rds.DeleteDBParameterGroupInput) (*rds.DeleteDBParameterGroupOutput, error) {
	return &rds.DeleteDBParameterGroupOutput{}, s.deleteGroup(false, in.DBParameterGroupName)
}

// described returns the groups of a level, or the one that is named.
func (w *world) described(cluster bool, name *string) ([]*parameterGroup, error) {
	if name != nil {
		g, err := w.group(cluster, name)
		return []*parameterGroup{g}, err
	}
	return slices.DeleteFunc(slices.Clone(w.groups), func(g *parameterGroup) bool { return g.cluster != cluster }), nil
}

func (s *Simulator) describeDBClusterParameterGroups(_ *call, in *rds.DescribeDBClusterParameterGroupsInput) (
	*rds.DescribeDBClusterParameterGroupsOutput, error,
) {
	groups, err := s.world.described(true, in.DBClusterParameterGroupName)
	if err != nil {
		return nil, err
	}
	var all []types.DBClusterParameterGroup
	for _, g := range groups {
		all = append(all, *s.shownClusterGroup(g))
	}
	page, marker, err := paged(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBClusterParameterGroupsOutput{DBClusterParameterGroups: page, Marker: marker}, err
}

func (s *Simulator) describeDBParameterGroups(_ *call, in *rds.DescribeDBParameterGroupsInput) (*rds.DescribeDBParameterGroupsOutput, error) {
	groups, err := s.world.described(false, in.DBParameterGroupName)
	if err != nil {
		return nil, err
	}
	var all []types.DBParameterGroup
	for _, g := range groups {
		all = append(all, *s.shownGroup(g))
	}
	page, marker, err := paged(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBParameterGroupsOutput{DBParameterGroups: page, Marker: marker}, err
}
