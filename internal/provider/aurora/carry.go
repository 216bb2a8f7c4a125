package aurora

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/jackc/pgx/v5"

	"github.com/pgteal/pgteal/internal/postgres"
	"github.com/pgteal/pgteal/internal/progress"
	"github.com/pgteal/pgteal/internal/provider"
)

// logicalReplication is the parameter that gives Aurora wal_level = logical
// (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Replication.Logical.Configure.html).
const logicalReplication = "rds.logical_replication"

// mostParameters is how many one call may set.
const mostParameters = 20

// spare is room beside one slot, sender or worker a database: for the operator's own, and for what AWS does.
const spare = 5

// groupPair is a group of blue's and the one that green gets in its place.
type groupPair struct{ blue, green group }

// groupPairs are the groups of blue's, the cluster's first and then its writer's, and green's.
func (a *Aurora) groupPairs(ctx context.Context, blue *types.DBCluster) ([]groupPair, error) {
	instances, err := a.instances(ctx, blue)
	if err != nil {
		return nil, err
	}
	pairs := []groupPair{{group{name: aws.ToString(blue.DBClusterParameterGroup)}, a.greenGroup(false)}}
	if w := writer(blue, instances); w != nil && len(w.DBParameterGroups) > 0 {
		pairs = append(pairs, groupPair{group{name: aws.ToString(w.DBParameterGroups[0].DBParameterGroupName), ofInstance: true}, a.greenGroup(true)})
	}
	return pairs, nil
}

// greenGroup is a group of green's. It has green's name, which it keeps when the upgrade is over.
func (a *Aurora) greenGroup(ofInstance bool) group {
	return group{name: a.config.GreenCluster(), ofInstance: ofInstance}
}

// content is what one of green's parameter groups is to hold.
type content struct {
	group
	parameters []types.Parameter
	needed     map[string]string // those of them that replication needs
}

// contents plans green's parameter groups of a family: what users have set in blue's, as far as the family knows it, and what replication needs.
func (a *Aurora) contents(ctx context.Context, blue *types.DBCluster, server *postgres.Server, family string) (all []content, err error) {
	pairs, err := a.groupPairs(ctx, blue)
	if err != nil {
		return nil, err
	}
	sizes, err := needs(ctx, server)
	if err != nil {
		return nil, err
	}
	placed := map[string]bool{}
	for _, pair := range pairs {
		set, err := a.setIn(ctx, pair.blue)
		if err != nil {
			return nil, err
		}
		known, err := a.knownIn(ctx, pair.green, family)
		if err != nil {
			return nil, err
		}
		needed := place(sizes, placed, set, known)
		all = append(all, content{pair.green, merge(set, known, needed), needed})
	}
	return all, nil
}

// place returns what of sizes belongs into a group of some level: what no level before it takes, and what users have set on this level, since an
// instance's group comes before its cluster's.
func place(sizes map[string]string, placed map[string]bool, set, known map[string]types.Parameter) map[string]string {
	needed := map[string]string{}
	for name, value := range sizes {
		_, overrides := set[name]
		if aws.ToBool(known[name].IsModifiable) && (overrides || !placed[name]) {
			needed[name], placed[name] = value, true
		}
	}
	return needed
}

// makeGroups makes green's parameter groups for an engine version.
func (a *Aurora) makeGroups(ctx context.Context, blue *types.DBCluster, server *postgres.Server, version string, step *progress.Step) error {
	family, err := a.family(ctx, version)
	if err != nil {
		return err
	}
	all, err := a.contents(ctx, blue, server, family)
	if err != nil {
		return err
	}
	for _, c := range all {
		step.Now("making " + c.String())
		if err := a.createGroup(ctx, c.group, family, a.tagsLike(blue.TagList)); err != nil {
			return err
		}
		if err := a.fill(ctx, c, step); err != nil {
			return err
		}
	}
	return nil
}

// merge returns what green's group is given: what users have set in blue's and the family lets them set, and more, which comes before that.
func merge(set, known map[string]types.Parameter, more map[string]string) (parameters []types.Parameter) {
	values := map[string]string{}
	for name, p := range set {
		values[name] = aws.ToString(p.ParameterValue)
	}
	maps.Copy(values, more)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if p, ok := known[name]; ok && aws.ToBool(p.IsModifiable) {
			// Nothing runs with the group yet, so nothing is lost by waiting for the next start, which every parameter can.
			parameters = append(parameters, types.Parameter{
				ParameterName: aws.String(name), ParameterValue: aws.String(values[name]), ApplyMethod: types.ApplyMethodPendingReboot,
			})
		}
	}
	return parameters
}

// fill sets parameters in a group of green's. One that AWS refuses is left out, unless it is among those needed.
func (a *Aurora) fill(ctx context.Context, c content, step *progress.Step) error {
	g := c.group
	for chunk := range slices.Chunk(c.parameters, mostParameters) {
		err := a.modifyGroup(ctx, g, chunk)
		if !is(err, "InvalidParameterValue", "InvalidParameterCombination") {
			if err != nil {
				return failed("set parameters in "+g.kind(), g.name, err)
			}
			continue
		}
		for _, p := range chunk { // to see which one it is
			err := a.modifyGroup(ctx, g, []types.Parameter{p})
			_, must := c.needed[*p.ParameterName]
			switch {
			case err == nil:
			case must || !is(err, "InvalidParameterValue", "InvalidParameterCombination"):
				return failed("set "+*p.ParameterName+" in "+g.kind(), g.name, err)
			default:
				step.Say(fmt.Sprintf("%s = %s is not carried over: %v", *p.ParameterName, *p.ParameterValue, err))
			}
		}
	}
	return nil
}

// needs is what replication needs of green, where blue has less: green follows one subscription a database, and on the way back serves one slot
// a database.
func needs(ctx context.Context, blue *postgres.Server) (map[string]string, error) {
	databases, err := blue.Databases(ctx)
	if err != nil {
		return nil, err
	}
	n := len(databases) + spare
	needed := map[string]int{
		"max_replication_slots": n, "max_wal_senders": n, "max_logical_replication_workers": n, "max_active_replication_origins": n,
		"max_worker_processes": n + 8, // PostgreSQL's own default beside them
	}
	values := map[string]string{logicalReplication: "1"}
	database, err := blue.MaintenanceDatabase(ctx)
	if err != nil {
		return nil, err
	}
	err = blue.In(ctx, database, func(conn *pgx.Conn) error {
		for name, need := range needed {
			var has int
			if err := conn.QueryRow(ctx, `SELECT coalesce(current_setting($1, true)::int, 0)`, name).Scan(&has); err != nil {
				return fmt.Errorf("read blue's %s: %w", name, err)
			}
			if has < need {
				values[name] = strconv.Itoa(need)
			}
		}
		return nil
	})
	return values, err
}

// carried says what became on green of what users have set in blue's groups.
func (a *Aurora) carried(ctx context.Context, blue *types.DBCluster) (carried []provider.Carried, err error) {
	pairs, err := a.groupPairs(ctx, blue)
	if err != nil {
		return nil, err
	}
	for _, pair := range pairs {
		was, err := a.setIn(ctx, pair.blue)
		if err != nil {
			return nil, err
		}
		now, err := a.setIn(ctx, pair.green)
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(was)) {
			c := provider.Carried{Name: name, Value: aws.ToString(was[name].ParameterValue)}
			switch p, ok := now[name]; {
			case !ok:
				c.Reason = fmt.Sprintf("%s: its family does not know it or refused %q", pair.green, c.Value)
				c.Value = ""
			case aws.ToString(p.ParameterValue) != c.Value:
				c.Reason = fmt.Sprintf("%s has another value than %q", pair.green, c.Value)
				c.Value = aws.ToString(p.ParameterValue)
			}
			carried = append(carried, c)
		}
	}
	return carried, nil
}
