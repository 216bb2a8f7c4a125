package aurora

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/fault"
)

// group is a parameter group: of a DB cluster, or of DB instances. They have the same calls under other names.
type group struct {
	name       string
	ofInstance bool
}

func (g group) kind() string {
	if g.ofInstance {
		return "DB parameter group"
	}
	return "DB cluster parameter group"
}

// String is `DB parameter group "orders-pg18"`.
func (g group) String() string { return fmt.Sprintf("%s %q", g.kind(), g.name) }

// groupARN returns the group's ARN, "" where there is no such group.
func (a *Aurora) groupARN(ctx context.Context, g group) (string, error) {
	if g.ofInstance {
		answer, err := a.rds.DescribeDBParameterGroups(ctx, &rds.DescribeDBParameterGroupsInput{DBParameterGroupName: &g.name})
		if err != nil || len(answer.DBParameterGroups) == 0 {
			return "", a.unlessMissing(g, err)
		}
		return aws.ToString(answer.DBParameterGroups[0].DBParameterGroupArn), nil
	}
	answer, err := a.rds.DescribeDBClusterParameterGroups(ctx, &rds.DescribeDBClusterParameterGroupsInput{DBClusterParameterGroupName: &g.name})
	if err != nil || len(answer.DBClusterParameterGroups) == 0 {
		return "", a.unlessMissing(g, err)
	}
	return aws.ToString(answer.DBClusterParameterGroups[0].DBClusterParameterGroupArn), nil
}

// unlessMissing is err, unless there is none or it says that there is no such group. AWS's codes have changed between versions of the API.
func (*Aurora) unlessMissing(g group, err error) error {
	if err == nil || is(err, "DBParameterGroupNotFound", "DBParameterGroupNotFoundFault",
		"DBClusterParameterGroupNotFound", "DBClusterParameterGroupNotFoundFault") {
		return nil
	}
	return failed("look at "+g.kind(), g.name, err)
}

// ownGroup returns the group's ARN, "" where there is none. One that is not this upgrade's is an error.
func (a *Aurora) ownGroup(ctx context.Context, g group) (arn string, err error) {
	arn, err = a.groupARN(ctx, g)
	if err != nil || arn == "" {
		return "", err
	}
	tags, err := a.rds.ListTagsForResource(ctx, &rds.ListTagsForResourceInput{ResourceName: &arn})
	if err != nil {
		return "", failed("read the tags of "+g.kind(), g.name, err)
	}
	if !a.ours(tags.TagList) {
		return "", taken(g.String())
	}
	return arn, nil
}

func taken(object string) error {
	return fault.New(fault.Forbidden, fmt.Errorf("%s exists, and this upgrade did not make it", object),
		"Name another green in aurora.green, or remove it yourself if nobody needs it. Another upgrade's is removed by its own pgteal abort.")
}

// createGroup makes a group where this upgrade has none yet.
func (a *Aurora) createGroup(ctx context.Context, g group, family string, tags []types.Tag) error {
	if arn, err := a.ownGroup(ctx, g); err != nil || arn != "" {
		return err
	}
	description := "made by pgteal for DB cluster " + a.config.GreenCluster()
	var err error
	if g.ofInstance {
		_, err = a.rds.CreateDBParameterGroup(ctx, &rds.CreateDBParameterGroupInput{
			DBParameterGroupName: &g.name, DBParameterGroupFamily: &family, Description: &description, Tags: tags,
		})
	} else {
		_, err = a.rds.CreateDBClusterParameterGroup(ctx, &rds.CreateDBClusterParameterGroupInput{
			DBClusterParameterGroupName: &g.name, DBParameterGroupFamily: &family, Description: &description, Tags: tags,
		})
	}
	if is(err, "DBParameterGroupAlreadyExists") { // a try that AWS did not answer has made it, or somebody else right now
		_, err = a.ownGroup(ctx, g)
		return err
	}
	if err != nil {
		return failed("create "+g.kind(), g.name, err)
	}
	return nil
}

// modifyGroup sets parameters, at most 20 at a time
// (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBClusterParameterGroup.html).
func (a *Aurora) modifyGroup(ctx context.Context, g group, parameters []types.Parameter) (err error) {
	if g.ofInstance {
		_, err = a.rds.ModifyDBParameterGroup(ctx, &rds.ModifyDBParameterGroupInput{DBParameterGroupName: &g.name, Parameters: parameters})
	} else {
		_, err = a.rds.ModifyDBClusterParameterGroup(ctx, &rds.ModifyDBClusterParameterGroupInput{
			DBClusterParameterGroupName: &g.name, Parameters: parameters,
		})
	}
	return err
}

// deleteGroup removes a group of this upgrade's. Another one of that name stays.
func (a *Aurora) deleteGroup(ctx context.Context, g group) error {
	arn, err := a.ownGroup(ctx, g)
	if err != nil && fault.KindOf(err) == fault.Forbidden || arn == "" && err == nil {
		return nil
	}
	if err != nil {
		return err
	}
	return a.dropGroup(ctx, g)
}

// dropGroup removes a group that is known to be this upgrade's.
func (a *Aurora) dropGroup(ctx context.Context, g group) (err error) {
	if g.ofInstance {
		_, err = a.rds.DeleteDBParameterGroup(ctx, &rds.DeleteDBParameterGroupInput{DBParameterGroupName: &g.name})
	} else {
		_, err = a.rds.DeleteDBClusterParameterGroup(ctx, &rds.DeleteDBClusterParameterGroupInput{DBClusterParameterGroupName: &g.name})
	}
	if err == nil {
		return nil
	}
	if a.unlessMissing(g, err) == nil {
		return nil
	}
	return failed("delete "+g.kind(), g.name, err)
}

// setIn returns what users have set in a group, by name.
func (a *Aurora) setIn(ctx context.Context, g group) (map[string]types.Parameter, error) {
	set := map[string]types.Parameter{}
	source := aws.String("user")
	if g.ofInstance {
		input := &rds.DescribeDBParametersInput{DBParameterGroupName: &g.name, Source: source}
		for pages := rds.NewDescribeDBParametersPaginator(a.rds, input); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, failed("read "+g.kind(), g.name, err)
			}
			collect(set, page.Parameters)
		}
		return set, nil
	}
	input := &rds.DescribeDBClusterParametersInput{DBClusterParameterGroupName: &g.name, Source: source}
	for pages := rds.NewDescribeDBClusterParametersPaginator(a.rds, input); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("read "+g.kind(), g.name, err)
		}
		collect(set, page.Parameters)
	}
	return set, nil
}

// knownIn returns the parameters that a family has in groups like g, by name.
func (a *Aurora) knownIn(ctx context.Context, g group, family string) (map[string]types.Parameter, error) {
	known := map[string]types.Parameter{}
	if g.ofInstance {
		input := &rds.DescribeEngineDefaultParametersInput{DBParameterGroupFamily: &family}
		for pages := rds.NewDescribeEngineDefaultParametersPaginator(a.rds, input); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, failed("list the parameters of family", family, err)
			}
			collect(known, page.EngineDefaults.Parameters)
		}
		return known, nil
	}
	input := &rds.DescribeEngineDefaultClusterParametersInput{DBParameterGroupFamily: &family}
	for pages := rds.NewDescribeEngineDefaultClusterParametersPaginator(a.rds, input); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list the cluster parameters of family", family, err)
		}
		collect(known, page.EngineDefaults.Parameters)
	}
	return known, nil
}

func collect(into map[string]types.Parameter, parameters []types.Parameter) {
	for _, p := range parameters {
		into[aws.ToString(p.ParameterName)] = p
	}
}
