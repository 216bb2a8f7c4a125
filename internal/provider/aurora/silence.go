package aurora

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/progress"
)

// preload is the parameter with the libraries that start background workers by themselves.
const preload = "shared_preload_libraries"

// busyLibraries are those that would work on the clone as if it were blue: run its jobs, maintain its partitions, follow whom it follows.
func busyLibraries() []string { return []string{"pg_cron", "pg_partman_bgw", "pglogical", "pgactive"} }

// silenced are the groups with which the clone runs until it is upgraded: blue's own, or one like it where blue's loads a busy library. The clone is
// closed before it is upgraded, and stays so; but for that it has to be reached first.
type silenced struct {
	groups []group   // the cluster's, the instances'
	made   []content // those of groups that have to be made
}

// ofCluster is the name of the cluster's group.
func (s silenced) ofCluster() *string { return s.named(false) }

// ofInstances is the name of the instances' group, nil where AWS is to choose.
func (s silenced) ofInstances() *string { return s.named(true) }

func (s silenced) named(ofInstance bool) *string {
	for _, g := range s.groups {
		if g.ofInstance == ofInstance {
			return &g.name
		}
	}
	return nil
}

// cloneGroup is a group of the clone's own.
func (a *Aurora) cloneGroup(ofInstance bool) group {
	return group{name: a.config.GreenCluster() + "-clone", ofInstance: ofInstance}
}

// silence plans the clone's groups.
func (a *Aurora) silence(ctx context.Context, blue *types.DBCluster) (s silenced, err error) {
	pairs, err := a.groupPairs(ctx, blue)
	if err != nil {
		return s, err
	}
	for _, pair := range pairs {
		set, err := a.setIn(ctx, pair.blue)
		if err != nil {
			return s, err
		}
		loads := aws.ToString(set[preload].ParameterValue)
		quiet := withoutBusy(loads)
		if quiet == loads {
			s.groups = append(s.groups, pair.blue)
			continue
		}
		g := a.cloneGroup(pair.blue.ofInstance)
		s.groups = append(s.groups, g)
		for name, p := range set { // its family is blue's, so it knows them all
			p.IsModifiable = aws.Bool(true)
			set[name] = p
		}
		needed := map[string]string{preload: quiet}
		s.made = append(s.made, content{g, merge(set, set, needed), needed})
	}
	return s, nil
}

// withoutBusy is a list of libraries without the busy ones.
func withoutBusy(libraries string) string {
	kept := slices.DeleteFunc(strings.Split(libraries, ","), func(library string) bool {
		return slices.Contains(busyLibraries(), strings.Trim(library, ` "`))
	})
	return strings.TrimSpace(strings.Join(kept, ","))
}

// makeSilence makes the clone's own groups where it needs some.
func (a *Aurora) makeSilence(ctx context.Context, blue *types.DBCluster, step *progress.Step) (silenced, error) {
	s, err := a.silence(ctx, blue)
	if err != nil || len(s.made) == 0 {
		return s, err
	}
	family, err := a.family(ctx, aws.ToString(blue.EngineVersion))
	if err != nil {
		return s, err
	}
	for _, c := range s.made {
		step.Now("making " + c.String())
		if err := a.createGroup(ctx, c.group, family, a.tagsLike(blue.TagList)); err != nil {
			return s, err
		}
		if err := a.fill(ctx, c, step); err != nil {
			return s, err
		}
	}
	return s, nil
}

// deleteCloneGroups removes what served the clone alone. What AWS still has in use goes later.
func (a *Aurora) deleteCloneGroups(ctx context.Context) error {
	for _, ofInstance := range []bool{true, false} {
		if err := a.deleteGroup(ctx, a.cloneGroup(ofInstance)); err != nil && !is(err, "InvalidDBParameterGroupState") {
			return err
		}
	}
	return nil
}
