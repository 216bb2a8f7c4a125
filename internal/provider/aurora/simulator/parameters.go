package simulator

import (
	"maps"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// inForce are the settings that a restart of a DB cluster's server brings.
func (s *Simulator) inForce(c *dbCluster) map[string]string {
	cluster, err := s.world.group(true, c.shown.DBClusterParameterGroup)
	if err != nil {
		return nil // it cannot be deleted while it is used
	}
	writer := s.world.writer(c)
	if writer == nil {
		return s.settings(cluster, nil)
	}
	instance, err := s.world.group(false, writer.shown.DBParameterGroups[0].DBParameterGroupName)
	if err != nil {
		return nil // likewise
	}
	return s.settings(cluster, instance)
}

// settings are those of a DB cluster's group, and over them those of its writer's.
func (s *Simulator) settings(groups ...*parameterGroup) map[string]string {
	settings := map[string]string{}
	if all, err := s.definitions(groups[0].family, true); err == nil {
		for _, d := range all {
			if d.name == "rds.force_ssl" || d.name == "rds.logical_replication" || setByAmazon[d.name] != "" {
				settings[d.name] = d.standard
			}
		}
	}
	for _, g := range groups {
		if g == nil {
			continue
		}
		for name, v := range g.values {
			settings[name] = v.value
		}
	}
	return settings
}

// shownParameters are the parameters of a group, or of a family where g is nil.
func (s *Simulator) shownParameters(family string, cluster bool, g *parameterGroup, source *string) ([]types.Parameter, error) {
	all, err := s.definitions(family, cluster)
	if err != nil {
		return nil, err
	}
	shown := []types.Parameter{}
	for _, d := range all {
		p := types.Parameter{
			ParameterName: ptr(d.name), DataType: ptr(d.dataType), Description: ptr(d.description), ApplyType: ptr("dynamic"),
			IsModifiable: ptr(!d.fixed), Source: ptr("engine-default"), ApplyMethod: types.ApplyMethodPendingReboot,
			SupportedEngineModes: []string{"provisioned"},
		}
		if d.static {
			p.ApplyType = ptr("static")
		}
		if d.allowed != "" {
			p.AllowedValues = ptr(d.allowed)
		}
		if d.standard != "" && (strings.HasPrefix(d.name, "rds.") || setByAmazon[d.name] != "") {
			p.ParameterValue, p.Source = ptr(d.standard), ptr("system")
		}
		if g != nil {
			if v, set := g.values[d.name]; set {
				p.ParameterValue, p.Source, p.ApplyMethod = ptr(v.value), ptr("user"), v.method
			}
		}
		if source == nil || *source == *p.Source {
			shown = append(shown, p)
		}
	}
	return shown, nil
}

func (s *Simulator) describeDBClusterParameters(_ *call, in *rds.DescribeDBClusterParametersInput) (*rds.DescribeDBClusterParametersOutput, error) {
	g, err := s.world.group(true, in.DBClusterParameterGroupName)
	if err != nil {
		return nil, err
	}
	all, err := s.shownParameters(g.family, true, g, in.Source)
	if err != nil {
		return nil, err
	}
	page, marker, err := paged(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBClusterParametersOutput{Parameters: page, Marker: marker}, err
}

func (s *Simulator) describeDBParameters(_ *call, in *rds.DescribeDBParametersInput) (*rds.DescribeDBParametersOutput, error) {
	g, err := s.world.group(false, in.DBParameterGroupName)
	if err != nil {
		return nil, err
	}
	all, err := s.shownParameters(g.family, false, g, in.Source)
	if err != nil {
		return nil, err
	}
	page, marker, err := paged(all, in.Marker, in.MaxRecords)
	return &rds.DescribeDBParametersOutput{Parameters: page, Marker: marker}, err
}

func (s *Simulator) describeEngineDefaultClusterParameters(_ *call, in *rds.DescribeEngineDefaultClusterParametersInput) (
	*rds.DescribeEngineDefaultClusterParametersOutput, error,
) {
	defaults, err := s.defaults(*in.DBParameterGroupFamily, true, in.Marker, in.MaxRecords)
	return &rds.DescribeEngineDefaultClusterParametersOutput{EngineDefaults: defaults}, err
}

func (s *Simulator) describeEngineDefaultParameters(_ *call, in *rds.DescribeEngineDefaultParametersInput) (
	*rds.DescribeEngineDefaultParametersOutput, error,
) {
	defaults, err := s.defaults(*in.DBParameterGroupFamily, false, in.Marker, in.MaxRecords)
	return &rds.DescribeEngineDefaultParametersOutput{EngineDefaults: defaults}, err
}

func (s *Simulator) defaults(family string, cluster bool, marker *string, limit *int32) (*types.EngineDefaults, error) {
	all, err := s.shownParameters(family, cluster, nil, nil)
	if err != nil {
		return nil, err
	}
	page, next, err := paged(all, marker, limit)
	return &types.EngineDefaults{DBParameterGroupFamily: &family, Parameters: page, Marker: next}, err
}

// change sets parameters of a group, all or none.
func (s *Simulator) change(q *call, g *parameterGroup, parameters []types.Parameter) error {
	const most = 20 // https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBParameterGroup.html
	if len(parameters) > most {
		return refuseAs(invalidParameterValue, "A maximum of %d parameters can be modified in a single request", most)
	}
	if g.standard() {
		return refuseAs("InvalidDBParameterGroupState", "Cannot modify default parameter group %s", g.name)
	}
	known, err := s.definitions(g.family, g.cluster)
	if err != nil {
		return err
	}
	byName := map[string]definition{}
	for _, d := range known {
		byName[d.name] = d
	}
	values := maps.Clone(g.values)
	for _, p := range parameters {
		d, ok := byName[value(p.ParameterName)]
		if !ok {
			return refuseAs(invalidParameterValue, "Could not find parameter with name: %s", value(p.ParameterName))
		}
		if err := acceptable(d, p); err != nil {
			return err
		}
		values[d.name] = parameterValue{value: *p.ParameterValue, method: p.ApplyMethod}
	}
	changed := map[string]definition{}
	for name, v := range values {
		if g.values[name] != v {
			changed[name] = byName[name]
		}
	}
	g.values = values
	s.spread(q, g, changed)
	return nil
}

// acceptable refuses a value that AWS refuses.
func acceptable(d definition, p types.Parameter) error {
	v := value(p.ParameterValue)
	switch {
	case d.fixed:
		return refuseAs(invalidParameterValue, "The parameter %s cannot be modified.", d.name)
	case p.ParameterValue == nil:
		return refuseAs(invalidParameterValue, "The value of the parameter %s is missing.", d.name)
	case p.ApplyMethod != types.ApplyMethodImmediate && p.ApplyMethod != types.ApplyMethodPendingReboot:
		return refuseAs(invalidParameterValue, "Invalid apply method: %s", p.ApplyMethod)
	case d.static && p.ApplyMethod == types.ApplyMethodImmediate:
		return refuseAs(invalidParameterCombination, "cannot use immediate apply method for static parameter")
	}
	ok := true
	switch d.dataType {
	case "boolean":
		ok = v == "0" || v == "1"
	case "integer", "float":
		least, most, _ := strings.Cut(strings.TrimPrefix(d.allowed, "-"), "-")
		if strings.HasPrefix(d.allowed, "-") {
			least = "-" + least
		}
		number, err := strconv.ParseFloat(v, 64)
		from, _ := strconv.ParseFloat(least, 64) // the server says so
		to, _ := strconv.ParseFloat(most, 64)
		formula := strings.HasPrefix(v, "{") || strings.HasPrefix(v, "GREATEST(") || strings.HasPrefix(v, "LEAST(") || strings.HasPrefix(v, "SUM(")
		ok = formula || err == nil && number >= from && number <= to
	}
	if !ok {
		return refuseAs(invalidParameterValue, "Invalid parameter value: %s for: %s allowed values are: %s", v, d.name, d.allowed)
	}
	return nil
}

// spread brings a change of a group to those who use it: at once what can be and shall be, the rest at their next reboot.
func (s *Simulator) spread(q *call, g *parameterGroup, changed map[string]definition) {
	now, later := map[string]string{}, false
	for name, d := range changed {
		if d.static || g.values[name].method == types.ApplyMethodPendingReboot {
			later = true
		} else {
			now[name] = g.values[name].value
		}
	}
	for _, c := range s.world.clusters {
		uses := g.cluster && strings.EqualFold(*c.shown.DBClusterParameterGroup, g.name)
		for _, i := range s.world.members(c) {
			status := &i.shown.DBParameterGroups[0]
			if g.cluster && uses && later {
				i.groupStatus = pendingReboot
			}
			if !g.cluster && strings.EqualFold(*status.DBParameterGroupName, g.name) {
				uses = uses || i == s.world.writer(c)
				if later {
					status.ParameterApplyStatus = ptr(pendingReboot)
				}
			}
		}
		s.world.reckon(c)
		if uses && len(now) > 0 && c.serving {
			s.reload(q, c, now)
		}
	}
}

// reload gives a running server settings.
func (s *Simulator) reload(q *call, c *dbCluster, settings map[string]string) {
	all := maps.Clone(c.settings)
	maps.Copy(all, settings)
	c.settings = all
	s.begin(q, c, func(j *job) error { return c.server.Reload(j.ctx, all) })
}

func (s *Simulator) modifyDBClusterParameterGroup(q *call, in *rds.ModifyDBClusterParameterGroupInput) (
	*rds.ModifyDBClusterParameterGroupOutput, error,
) {
	g, err := s.world.group(true, in.DBClusterParameterGroupName)
	if err != nil {
		return nil, err
	}
	return &rds.ModifyDBClusterParameterGroupOutput{DBClusterParameterGroupName: &g.name}, s.change(q, g, in.Parameters)
}

func (s *Simulator) modifyDBParameterGroup(q *call, in *rds.ModifyDBParameterGroupInput) (*rds.ModifyDBParameterGroupOutput, error) {
	g, err := s.world.group(false, in.DBParameterGroupName)
	if err != nil {
		return nil, err
	}
	return &rds.ModifyDBParameterGroupOutput{DBParameterGroupName: &g.name}, s.change(q, g, in.Parameters)
}
