package aurora

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/postgres"
)

// Actions lists the calls of a step with their parameters, as they will be sent. Changes alone are listed, not what is only looked at.
func (a *Aurora) Actions(ctx context.Context, server *postgres.Server, step string) ([]string, error) {
	blue, err := a.needBlue(ctx)
	if err != nil {
		return nil, err
	}
	path, err := a.path(ctx, aws.ToString(blue.EngineVersion))
	if err != nil || len(path) == 0 {
		return nil, err
	}
	switch step {
	case "clone":
		return a.cloneActions(ctx, blue, server, path[len(path)-1])
	case "clone LSN":
		return []string{"on the clone: SELECT aurora_volume_logical_start_lsn();"}, nil
	case "upgrade":
		var actions []string
		from := aws.ToString(blue.EngineVersion)
		for _, version := range path {
			actions = append(actions, call(a.upgradeInput(a.config.GreenCluster(), from, version)))
			from = version
		}
		return append(actions, "where parameters wait for it: "+call(&rds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String(a.instanceName(1))})), nil
	case "settle green":
		return a.completeActions(ctx, blue)
	}
	return nil, nil
}

func (a *Aurora) cloneActions(ctx context.Context, blue *types.DBCluster, server *postgres.Server, version string) (actions []string, err error) {
	family, err := a.family(ctx, version)
	if err != nil {
		return nil, err
	}
	contents, err := a.contents(ctx, blue, server, family)
	if err != nil {
		return nil, err
	}
	for _, c := range contents {
		actions = append(actions, groupActions(c, family, a.tagsLike(blue.TagList))...)
	}
	silenced, err := a.silence(ctx, blue)
	if err != nil {
		return nil, err
	}
	old, err := a.family(ctx, aws.ToString(blue.EngineVersion))
	if err != nil {
		return nil, err
	}
	for _, c := range silenced.made {
		actions = append(actions, groupActions(c, old, a.tagsLike(blue.TagList))...)
	}
	instances, err := a.instances(ctx, blue)
	if err != nil {
		return nil, err
	}
	actions = append(actions, call(a.restoreInput(blue, silenced)))
	if model := writer(blue, instances); model != nil {
		actions = append(actions, call(a.writerInput(model, silenced)))
	}
	return actions, nil
}

func groupActions(c content, family string, tags []types.Tag) (actions []string) {
	if c.ofInstance {
		actions = append(actions, call(&rds.CreateDBParameterGroupInput{DBParameterGroupName: &c.name, DBParameterGroupFamily: &family, Tags: tags}))
	} else {
		actions = append(actions, call(&rds.CreateDBClusterParameterGroupInput{
			DBClusterParameterGroupName: &c.name, DBParameterGroupFamily: &family, Tags: tags,
		}))
	}
	for chunk := range slices.Chunk(c.parameters, mostParameters) {
		if c.ofInstance {
			actions = append(actions, call(&rds.ModifyDBParameterGroupInput{DBParameterGroupName: &c.name, Parameters: chunk}))
		} else {
			actions = append(actions, call(&rds.ModifyDBClusterParameterGroupInput{DBClusterParameterGroupName: &c.name, Parameters: chunk}))
		}
	}
	return actions
}

func (a *Aurora) completeActions(ctx context.Context, blue *types.DBCluster) (actions []string, err error) {
	instances, err := a.instances(ctx, blue)
	if err != nil {
		return nil, err
	}
	for n, model := range readersOf(blue, instances) {
		actions = append(actions, call(a.readerInput(&model, n)))
	}
	for _, r := range blue.AssociatedRoles {
		actions = append(actions, call(&rds.AddRoleToDBClusterInput{
			DBClusterIdentifier: aws.String(a.config.GreenCluster()), RoleArn: r.RoleArn, FeatureName: r.FeatureName,
		}))
	}
	target, err := a.scalingTarget(ctx, *blue.DBClusterIdentifier)
	if target != nil {
		actions = append(actions, fmt.Sprintf(
			"application-autoscaling: RegisterScalableTarget ResourceId=%s MinCapacity=%d MaxCapacity=%d, and PutScalingPolicy for each of blue's policies",
			scaled(a.config.GreenCluster()), aws.ToInt32(target.MinCapacity), aws.ToInt32(target.MaxCapacity)))
	}
	return append(actions, notCarried(blue)...), err
}

// call writes a request as a line: `rds: DeleteDBCluster DBClusterIdentifier=orders SkipFinalSnapshot=true`.
func call(input any) string {
	value := reflect.ValueOf(input).Elem()
	return "rds: " + strings.Join(append([]string{strings.TrimSuffix(value.Type().Name(), "Input")}, fields(value, "=")...), " ")
}

// fields writes what a request, or a part of one, holds.
func fields(v reflect.Value, between string) (words []string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		if text := shown(v.Field(i)); text != "" {
			words = append(words, f.Name+between+text)
		}
	}
	return words
}

// shown writes a value of a request, "" where it is left out.
func shown(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return shown(v.Elem())
	case reflect.Slice:
		var items []string
		for i := range v.Len() {
			items = append(items, shown(v.Index(i)))
		}
		return strings.Join(items, ",")
	case reflect.Struct:
		return shownStruct(v)
	case reflect.String:
		if s := v.String(); s == "" || strings.ContainsAny(s, " ,'\"") {
			return quoteEmpty(s, v.Type().Name() == "string")
		}
		return v.String()
	default:
		return fmt.Sprint(v.Interface())
	}
}

func quoteEmpty(s string, plain bool) string {
	if s == "" && !plain { // an enum that is not set
		return ""
	}
	return fmt.Sprintf("%q", s)
}

func shownStruct(v reflect.Value) string {
	switch s := v.Interface().(type) {
	case types.Tag:
		return aws.ToString(s.Key) + "=" + aws.ToString(s.Value)
	case types.Parameter:
		return aws.ToString(s.ParameterName) + "=" + aws.ToString(s.ParameterValue)
	}
	return "{" + strings.Join(fields(v, ":"), " ") + "}"
}
