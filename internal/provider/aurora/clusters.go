package aurora

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/pgteal/pgteal/internal/fault"
	"github.com/pgteal/pgteal/internal/route"
)

// cluster returns the DB cluster of an identifier, nil where there is none.
func (a *Aurora) cluster(ctx context.Context, id string) (*types.DBCluster, error) {
	if err := a.open(ctx); err != nil {
		return nil, err
	}
	answer, err := a.rds.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &id})
	if is(err, "DBClusterNotFoundFault") {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if err != nil {
		return nil, failed("look at DB cluster", id, err)
	}
	if len(answer.DBClusters) == 0 {
		return nil, nil //nolint:nilnil // none is an answer
	}
	return &answer.DBClusters[0], nil
}

// find returns the first DB cluster of the region that is wanted, nil where there is none.
func (a *Aurora) find(ctx context.Context, wanted func(types.DBCluster) bool) (*types.DBCluster, error) {
	all, err := a.clusters(ctx)
	if err != nil {
		return nil, err
	}
	if at := slices.IndexFunc(all, wanted); at >= 0 {
		return &all[at], nil
	}
	return nil, nil //nolint:nilnil // none is an answer
}

// clusters lists the DB clusters of the region.
func (a *Aurora) clusters(ctx context.Context) (all []types.DBCluster, err error) {
	if err := a.open(ctx); err != nil {
		return nil, err
	}
	for pages := rds.NewDescribeDBClustersPaginator(a.rds, &rds.DescribeDBClustersInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list the DB clusters of region", a.config.Aurora.Region, err)
		}
		all = append(all, page.DBClusters...)
	}
	return all, nil
}

// green returns the clone, or green, that this upgrade made, under whatever name it has by now. It is nil where there is none.
func (a *Aurora) green(ctx context.Context) (*types.DBCluster, error) {
	if a.upgrade == "" {
		return nil, nil //nolint:nilnil // none is an answer
	}
	named, err := a.cluster(ctx, a.config.GreenCluster())
	if err != nil || named != nil && a.ours(named.TagList) {
		return named, err
	}
	return a.find(ctx, func(c types.DBCluster) bool { return a.ours(c.TagList) })
}

// anyGreen is green, also before it is known which upgrade this is: what has green's own name and was cloned for an upgrade is taken for it then.
func (a *Aurora) anyGreen(ctx context.Context) (*types.DBCluster, error) {
	if a.upgrade != "" {
		return a.green(ctx)
	}
	named, err := a.cluster(ctx, a.config.GreenCluster())
	if err != nil || named == nil || valueOf(named.TagList, tagBlue) == "" {
		return nil, err
	}
	return named, nil
}

// needGreen is green as it has to be there.
func (a *Aurora) needGreen(ctx context.Context) (*types.DBCluster, error) {
	green, err := a.green(ctx)
	if err == nil && green == nil {
		err = fault.New(fault.Failed, fmt.Errorf("DB cluster %q, which this upgrade made, is gone", a.config.GreenCluster()),
			"Somebody deleted it. Blue is untouched: pgteal abort, then prepare again.")
	}
	return green, err
}

// findBlue returns the DB cluster that is to be upgraded, nil where there is none. Where clients are led by names, green may have blue's by now:
// its tag says which cluster blue is, whatever that is called.
func (a *Aurora) findBlue(ctx context.Context) (*types.DBCluster, error) {
	named, err := a.cluster(ctx, a.config.Aurora.Cluster)
	if err != nil {
		return nil, err
	}
	green := named
	switch {
	case named == nil: // it may be on its way from one to the other
		if green, err = a.anyGreen(ctx); err != nil || green == nil {
			return nil, err
		}
	case valueOf(named.TagList, tagBlue) == "", a.upgrade != "" && !a.ours(named.TagList):
		return named, nil
	}
	resource := valueOf(green.TagList, tagBlue)
	return a.find(ctx, func(c types.DBCluster) bool { return aws.ToString(c.DbClusterResourceId) == resource })
}

// needBlue is blue as it has to be there.
func (a *Aurora) needBlue(ctx context.Context) (*types.DBCluster, error) {
	blue, err := a.findBlue(ctx)
	if err == nil && blue == nil {
		kind := fault.Usage
		if a.upgrade != "" { // it was there once; what has to go on without it can
			kind = fault.Failed
		}
		err = fault.New(kind, fmt.Errorf("there is no DB cluster %q in region %s", a.config.Aurora.Cluster, a.config.Aurora.Region),
			"Correct aurora.cluster, aurora.region or aurora.profile. To look: aws rds describe-db-clusters")
	}
	return blue, err
}

// instances lists the DB instances of a DB cluster, the writer first and then by promotion tier and name.
func (a *Aurora) instances(ctx context.Context, c *types.DBCluster) (all []types.DBInstance, err error) {
	input := &rds.DescribeDBInstancesInput{Filters: []types.Filter{{Name: aws.String("db-cluster-id"), Values: []string{*c.DBClusterIdentifier}}}}
	for pages := rds.NewDescribeDBInstancesPaginator(a.rds, input); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list the DB instances of DB cluster", *c.DBClusterIdentifier, err)
		}
		all = append(all, page.DBInstances...)
	}
	rank := func(i types.DBInstance) int {
		if m := member(c, *i.DBInstanceIdentifier); m != nil && aws.ToBool(m.IsClusterWriter) {
			return -1
		}
		return int(aws.ToInt32(i.PromotionTier))
	}
	slices.SortStableFunc(all, func(x, y types.DBInstance) int { return rank(x) - rank(y) })
	return all, nil
}

// instance returns the DB instance of an identifier, nil where there is none.
func (a *Aurora) instance(ctx context.Context, id string) (*types.DBInstance, error) {
	answer, err := a.rds.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
	if is(err, "DBInstanceNotFound", "DBInstanceNotFoundFault") {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if err != nil {
		return nil, failed("look at DB instance", id, err)
	}
	if len(answer.DBInstances) == 0 {
		return nil, nil //nolint:nilnil // none is an answer
	}
	return &answer.DBInstances[0], nil
}

// writer is the first of instances, as they are sorted, where that is c's writer.
func writer(c *types.DBCluster, instances []types.DBInstance) *types.DBInstance {
	if len(instances) == 0 {
		return nil
	}
	if m := member(c, *instances[0].DBInstanceIdentifier); m == nil || !aws.ToBool(m.IsClusterWriter) {
		return nil
	}
	return &instances[0]
}

// member is what the DB cluster says about one of its instances, nil where it is none of them.
func member(c *types.DBCluster, id string) *types.DBClusterMember {
	for i := range c.DBClusterMembers {
		if aws.ToString(c.DBClusterMembers[i].DBInstanceIdentifier) == id {
			return &c.DBClusterMembers[i]
		}
	}
	return nil
}

func endpointOf(c *types.DBCluster) route.Endpoint {
	return route.Endpoint{Host: aws.ToString(c.Endpoint), Port: int(aws.ToInt32(c.Port)), Cluster: aws.ToString(c.DbClusterResourceId)}
}
